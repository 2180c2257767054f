/**
 * Requests that the server puts to itself (`server.inject`): a door of another protocol has its calls answered by the routes, so
 * that there is one key check, one audit and one wording. Such a request came over no socket, which nobody outside can feign.
 *
 * Behind it stands a program and never a person: whatever its key may, it can neither approve nor loosen nor act as the operator.
 */
import { Socket } from 'node:net';
import type { FastifyRequest } from 'fastify';
import type { Caller } from './caller.ts';

const PERSONS_SCOPES: ReadonlySet<string> = new Set(['approve', 'operate']);

export function isInner(request: Pick<FastifyRequest, 'raw'>): boolean {
  return !(request.raw.socket instanceof Socket);
}

/** The caller without what only a person may do. */
export function withoutPerson(caller: Caller): Caller {
  const scopes = new Set([...caller.scopes].filter((scope) => !PERSONS_SCOPES.has(scope)));
  return { ...caller, scopes, operator: false };
}
