/**
 * Requests that the server puts to itself (`server.inject`): a door of another protocol has its calls answered by the routes, so
 * that there is one key check, one audit and one wording. Such a request came over no socket, which nobody outside can feign.
 *
 * Behind it stands a program and never a person: whatever its key may, it can neither approve nor loosen nor act as the operator.
 * Except where a request that came over HTTP is passed on in other words: then whoever made that one stands behind it.
 */
import { randomUUID } from 'node:crypto';
import { Socket } from 'node:net';
import type { FastifyRequest } from 'fastify';
import type { Caller } from './caller.ts';

const PERSONS_SCOPES: ReadonlySet<string> = new Set(['approve', 'operate']);

export function isInner(request: Pick<FastifyRequest, 'raw'>): boolean {
  return !(request.raw.socket instanceof Socket);
}

const PASSED_ON = 'x-postern-passed-on';
/** Known to this process alone. */
const proof = randomUUID();

/** The header of an inner request that passes on one that came over HTTP. */
export function passedOn(): Record<string, string> {
  return { [PASSED_ON]: proof };
}

export function isPassedOn(request: Pick<FastifyRequest, 'raw' | 'headers'>): boolean {
  return isInner(request) && request.headers[PASSED_ON] === proof;
}

/** Whether no person stands behind a request, whatever its key may. */
export function isPrograms(request: Pick<FastifyRequest, 'raw' | 'headers'>): boolean {
  return isInner(request) && !isPassedOn(request);
}

/** The caller without what only a person may do. */
export function withoutPerson(caller: Caller): Caller {
  return { ...caller, scopes: new Set(programsScopes([...caller.scopes])), operator: false };
}

/** Those of the scopes that help a program. */
export function programsScopes<Scope extends string>(scopes: readonly Scope[]): Scope[] {
  return scopes.filter((scope) => !PERSONS_SCOPES.has(scope));
}
