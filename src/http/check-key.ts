/** The key check of every route, with the limits on requests: what its scopes ask for, and the answers where that is not given. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DecidedReason } from '../core/explain.ts';
import type { Authenticator, AuthResult } from './authenticate.ts';
import { isPrograms, withoutPerson } from './inner.ts';
import type { Problems } from './problems.ts';
import type { RequestRates } from './request-rates.ts';

type Checks = { authenticator: Authenticator; rates: RequestRates; problems: Problems };

/** Whether a request may pass, at once where its key is known; where it may not it is answered. */
export function checkKey(request: FastifyRequest, reply: FastifyReply, checks: Checks): boolean | Promise<boolean> {
  const { scopes, isKeyOptional } = request.route?.config ?? {};
  if (scopes === undefined) return true;
  const authorization =
    checks.problems.wordings.of(request.url)?.authorization?.(request.headers) ?? request.headers.authorization;
  if (isKeyOptional === true && authorization === undefined) return true;
  const result = checks.authenticator.authenticate({
    authorization,
    tenant: single(request.headers['x-tenant']),
    mode: single(request.headers['x-mode']),
    address: request.ip,
    connection: request.raw.socket,
  });
  const judge = (known: AuthResult) => checkScopes(known, request, reply, checks);
  return result instanceof Promise ? result.then(judge) : judge(result);
}

function checkScopes(
  result: AuthResult,
  request: FastifyRequest,
  reply: FastifyReply,
  { rates, problems }: Checks,
): boolean | Promise<boolean> {
  if (!result.ok) {
    refuseKey(result.cause, request, reply, problems);
    return false;
  }
  const caller = isPrograms(request) ? withoutPerson(result.caller) : result.caller;
  request.caller = caller;
  const { scopes = [], operatorOnly, uncounted } = request.route?.config ?? {};
  if (!scopes.some((scope) => caller.scopes.has(scope))) {
    problems.refuse(request, reply, 'insufficient_permissions', {
      evidence: { required: scopes.join('` or `'), granted: [...caller.scopes] },
    });
    return false;
  }
  if (caller.principal === null && operatorOnly !== true) {
    problems.invalid(request, reply, [
      {
        code: 'missing_parameter',
        param: 'X-Tenant',
        message: 'An operator key acts for one tenant: name it in the header X-Tenant.',
      },
    ]);
    return false;
  }
  // The operator's own requests are not counted, whomever they are for.
  if (caller.principal === null || result.caller.operator || uncounted === true) return true;
  const now = Date.now();
  const judge = (reason: DecidedReason | null) => {
    if (reason !== null) problems.send(request, reply, { reasons: [reason], messageId: null }, now);
    return reason === null;
  };
  const reason = rates.take(caller.principal, now);
  return reason instanceof Promise ? reason.then(judge) : judge(reason);
}

function refuseKey(
  cause: 'key' | 'tenant' | 'mode',
  request: FastifyRequest,
  reply: FastifyReply,
  problems: Problems,
): FastifyReply {
  if (cause === 'key') {
    reply.header('WWW-Authenticate', 'Bearer');
    return problems.refuse(request, reply, 'authentication_required');
  }
  if (cause === 'tenant') {
    return problems.refuse(request, reply, 'not_found', {
      param: 'X-Tenant',
      detail: 'No tenant has the id in X-Tenant.',
    });
  }
  return problems.invalid(request, reply, [
    { code: 'invalid_parameter', param: 'X-Mode', message: 'X-Mode must be live or test.' },
  ]);
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
