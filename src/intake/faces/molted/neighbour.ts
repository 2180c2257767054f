/** An endpoint of Molted's beside sending: what it asks of our own routes, and how it shows what they say. */
import type { FastifyRequest } from 'fastify';
import type { Issue } from '../../../core/explain.ts';
import type { ReasonCode } from '../../../core/reasons.ts';
import type { OtherAnswer } from '../../../http/wording.ts';
import type { IntakeDoor } from '../../door.ts';
import type { Fields } from '../../field-errors.ts';
import type { Asked, Told } from '../inside.ts';

export type Given = {
  params: Readonly<Record<string, string>>;
  query: Readonly<Record<string, string>>;
  body: Fields;
};

export type Look = (asked: Asked) => Promise<Told>;

export type Barred = { reason: ReasonCode; answer: OtherAnswer };

export type Neighbour = {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  path: string;
  /** An issue: what is wrong with the request before any is made. `look` asks one of our routes for what the request rests on. */
  ask: (given: Given, look: Look) => Asked | Issue | Promise<Asked | Issue>;
  /** Why it is not even asked for, where our own route has no such bar. */
  bars?: (request: FastifyRequest, door: IntakeDoor) => Promise<Barred | null>;
  /** From our answer, in names of its style; absent: as it is. */
  show?: (body: Fields, given: Given, look: Look) => unknown;
  status?: number;
};

/** Said in the audit log where a person loosens something and its clients have no field for a reason. */
const NOTE = 'Asked for through the interface of Molted.';
const MOST_LISTED = '200';

export const noteOf = ({ body, query }: Given): string => {
  const note = body['note'] ?? body['reason'] ?? query['note'];
  return typeof note === 'string' && note !== '' ? note : NOTE;
};

export const id = ({ params }: Given): string => encodeURIComponent(params['id'] ?? '');

/** A page as the query asks for it; `filters` that are not given are left out. */
export function list(path: string, { query }: Given, filters: Readonly<Record<string, unknown>> = {}): Asked {
  const { limit = MOST_LISTED, cursor } = query;
  const given = Object.entries({ ...filters, limit, cursor }).filter(
    (one): one is [string, string] => typeof one[1] === 'string',
  );
  return { method: 'GET', url: `${path}?${new URLSearchParams(given)}` };
}

export const elements = (body: Fields): Fields[] => (Array.isArray(body['data']) ? (body['data'] as Fields[]) : []);
