/**
 * An answer that is whole already: head and body go out in one piece, past all that Fastify does for answers that may still change.
 * It copies a reply's headers into an object, that into Node's, looks at the body's type and measures it; here each header is given
 * once, and what is ASCII is as many octets as characters. The hooks of `onSend` do not run: what they do for this answer its caller
 * has done.
 */
import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Connections } from './connections.ts';
import { isInner } from './inner.ts';

declare module 'fastify' {
  interface FastifyInstance {
    connections: Pick<Connections, 'isLastAnswer'>;
  }
}

export type WholeAnswer = {
  status: number;
  /** Names in lower case and values in turn, without those that every answer has; it is added to. */
  head: string[];
  text: string;
  /** Whether the text is known to hold nothing but ASCII. */
  isAscii: boolean;
};

export function answerWhole(request: FastifyRequest, reply: FastifyReply, answer: WholeAnswer): FastifyReply {
  // Whoever asks from within reads a reply's headers.
  if (isInner(request)) return answerInner(reply, answer);
  writeWhole(reply.raw, request.id, answer, request.server.connections, reply);
  return reply;
}

/** `reply`: what Fastify has made for it, where it is on Fastify's road. */
export function writeWhole(
  raw: ServerResponse,
  id: string,
  { status, head, text, isAscii }: WholeAnswer,
  connections: Pick<Connections, 'isLastAnswer'>,
  reply?: FastifyReply,
): void {
  // Node says it in the head then, and ends the connection behind the answer.
  if (connections.isLastAnswer(raw.req.socket)) raw.shouldKeepAlive = false;
  const length = isAscii ? text.length : Buffer.byteLength(text);
  head.push('x-request-id', id, 'content-length', String(length));
  // Before it is given out of hand: a header that cannot be written is answered as a fault.
  raw.writeHead(status, head);
  reply?.hijack();
  raw.end(text, isAscii ? 'latin1' : 'utf8');
}

function answerInner(reply: FastifyReply, { status, head, text }: WholeAnswer): FastifyReply {
  for (let i = 0; i < head.length; i += 2) reply.header(head[i]!, head[i + 1]);
  return reply.code(status).send(text);
}
