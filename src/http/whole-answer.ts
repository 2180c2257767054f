/**
 * An answer that is whole already: head and body go out in one piece, past all that Fastify does for answers that may still change.
 * It copies a reply's headers into an object, that into Node's, looks at the body's type and measures it; here each header is given
 * once, and what is ASCII is as many octets as characters. The hooks of `onSend` do not run: what they do for this answer its caller
 * has done.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isInner } from './inner.ts';

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
  const { status, head, text, isAscii } = answer;
  const length = isAscii ? text.length : Buffer.byteLength(text);
  head.push('x-request-id', request.id, 'content-length', String(length));
  // Before the reply is given out of hand: a header that cannot be written is answered as a fault.
  reply.raw.writeHead(status, head);
  reply.hijack();
  reply.raw.end(text, isAscii ? 'latin1' : 'utf8');
  return reply;
}

function answerInner(reply: FastifyReply, { status, head, text }: WholeAnswer): FastifyReply {
  for (let i = 0; i < head.length; i += 2) reply.header(head[i]!, head[i + 1]);
  return reply.code(status).send(text);
}
