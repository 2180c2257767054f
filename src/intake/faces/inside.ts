/**
 * A face's neighbouring endpoints ask Postern's own routes, on the same server and as the same caller: their key check, limits,
 * audit and rules are the ones that hold, and a face only translates.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { passedOn } from '../../http/inner.ts';

export type Asked = {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  url: string;
  body?: unknown;
  /** Bytes as they are, in place of a body. */
  bytes?: { content: Buffer; contentType: string };
};

export type Told = { status: number; body: unknown };

/** What says who asks, in which language, from where. */
const CARRIED = ['authorization', 'x-tenant', 'x-mode', 'x-agent-id', 'accept-language', 'x-forwarded-for'] as const;
/** What an answer says beside its body and the headroom, which every answer of ours has. */
const GIVEN = ['retry-after', 'www-authenticate'];

/** The headers of the answer that are about the caller stand in `reply` then. */
export async function ask(
  server: FastifyInstance,
  request: FastifyRequest,
  reply: FastifyReply,
  { method, url, body, bytes }: Asked,
): Promise<Told> {
  const headers: Record<string, string> = { 'x-request-id': request.id, ...passedOn() };
  for (const name of CARRIED) {
    const value = request.headers[name];
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  if (bytes !== undefined) headers['content-type'] = bytes.contentType;
  else if (body !== undefined) headers['content-type'] = 'application/json';
  const payload = bytes?.content ?? (body === undefined ? undefined : JSON.stringify(body));
  const answer = await server.inject({
    ...{ method, url, headers, remoteAddress: request.raw.socket.remoteAddress },
    ...(payload === undefined ? {} : { payload }),
  });
  for (const name of GIVEN) {
    const value = answer.headers[name];
    if (value !== undefined) reply.header(name, value);
  }
  return { status: answer.statusCode, body: answer.payload === '' ? null : answer.json() };
}
