/**
 * Other systems' words: below a path of its own each compatible interface answers every problem as its clients know them,
 * from a key that is wrong to a body that is no JSON.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Fixes, ProblemBody } from '../core/explain.ts';

export type OtherAnswer = {
  status: number;
  body: object | string;
  /** `application/json` unless said. */
  type?: string;
  headers?: Readonly<Record<string, string | number>>;
  /** What the status line says beside the number, for clients that show it; RFC 9112 §4. */
  statusText?: string;
};

export type Wording = {
  /** The first two parts of its paths: `/compat/name`. */
  base: string;
  /** What stands for the `Authorization` header, where its clients send the key elsewhere. */
  authorization?: (headers: FastifyRequest['headers']) => string | undefined;
  /** What to do, where our texts speak of fields that it does not have. */
  fixes?: Fixes;
  /** `problem` in its words. */
  refuse: (problem: ProblemBody, request: FastifyRequest) => OtherAnswer;
};

const ROOT = '/compat/';

export class Wordings {
  private readonly byBase = new Map<string, Wording>();

  add(wording: Wording): void {
    this.byBase.set(wording.base, wording);
  }

  /** The one for a path or URL; undefined: Postern's own. */
  of(url: string): Wording | undefined {
    if (!url.startsWith(ROOT)) return undefined;
    const end = url.slice(ROOT.length).search(/[/?]/);
    return this.byBase.get(end === -1 ? url : url.slice(0, ROOT.length + end));
  }
}

const LONGEST_STATUS_TEXT = 500;
const OUTSIDE_ASCII = /[^ -~]/g;
const IN_ASCII: Readonly<Record<string, string>> = { '’': "'", '…': '...', '–': '-', '“': '"', '”': '"' };

/** Answers with it as it is. */
export function answerWithOther(
  reply: FastifyReply,
  { status, body, type, headers = {}, statusText }: OtherAnswer,
): FastifyReply {
  if (statusText !== undefined) {
    const text = statusText.slice(0, LONGEST_STATUS_TEXT);
    reply.raw.statusMessage = text.replace(OUTSIDE_ASCII, (char) => IN_ASCII[char] ?? '?');
  }
  return reply
    .headers(headers)
    .code(status)
    .type(type ?? 'application/json; charset=utf-8')
    .send(body);
}
