/** The key check of every route, with the limits on requests: what its scopes ask for, and the answers where that is not given. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { countedNetwork } from '../base/network.ts';
import type { Authenticator, AuthResult } from './authenticate.ts';
import type { Connections } from './connections.ts';
import { isPassedOn, isPrograms, programsScopes, withoutPerson } from './inner.ts';
import type { Problems } from './problems.ts';
import type { Counted, RequestRates } from './request-rates.ts';

type Checks = {
  authenticator: Authenticator;
  rates: RequestRates;
  problems: Problems;
  connections: Pick<Connections, 'know'>;
};

/** Whether a request may pass, at once where its key is known; where it may not it is answered. */
export function checkKey(request: FastifyRequest, reply: FastifyReply, checks: Checks): boolean | Promise<boolean> {
  const { scopes, isKeyOptional } = request.route?.config ?? {};
  if (scopes === undefined) return true;
  const authorization =
    checks.problems.wordings.of(request.url)?.authorization?.(request.headers) ?? request.headers.authorization;
  if (isKeyOptional === true && authorization === undefined) return true;
  // A connection that was reset has no other end any more: nobody is left to answer, and where the key came from is not known.
  const address = request.ip as string | undefined;
  if (address === undefined) {
    reply.hijack();
    request.raw.socket.destroy();
    return false;
  }
  const network = countedNetwork(address);
  const result = checks.authenticator.authenticate({
    authorization,
    tenant: single(request.headers['x-tenant']),
    mode: single(request.headers['x-mode']),
    address,
    network,
  });
  const judge = (known: AuthResult) => checkScopes(known, network, request, reply, checks);
  return result instanceof Promise ? result.then(judge) : judge(result);
}

function checkScopes(
  result: AuthResult,
  network: string | null,
  request: FastifyRequest,
  reply: FastifyReply,
  { rates, problems, connections }: Checks,
): boolean | Promise<boolean> {
  if (!result.ok) {
    refuseKey(result, network, request, reply, problems);
    return false;
  }
  connections.know(request.raw.socket);
  const caller = isPrograms(request) ? withoutPerson(result.caller) : result.caller;
  request.caller = caller;
  const { scopes = [], operatorOnly, uncounted, requestLimits } = request.route?.config ?? {};
  if (!scopes.some((scope) => caller.scopes.has(scope))) {
    const helpful = isPrograms(request) ? programsScopes(scopes) : scopes;
    problems.refuse(request, reply, 'insufficient_permissions', {
      evidence: { required: helpful.join('` or `'), granted: [...caller.scopes] },
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
  // The operator's own requests are not counted, whomever they are for; and what is passed on was counted as it came.
  const { principal, keyId } = caller;
  if (principal === null || result.caller.operator || uncounted === true || isPassedOn(request)) return true;
  const now = Date.now();
  const judge = ({ refusal, limits }: Counted) => {
    request.requestLimits = limits;
    if (refusal !== null) problems.send(request, reply, { reasons: [refusal], messageId: null }, now);
    return refusal === null;
  };
  const counted = rates.take({ principal, keyId, network }, now, requestLimits);
  return counted instanceof Promise ? counted.then(judge) : judge(counted);
}

function refuseKey(
  result: AuthResult & { ok: false },
  network: string | null,
  request: FastifyRequest,
  reply: FastifyReply,
  problems: Problems,
): FastifyReply {
  const { cause } = result;
  if (cause === 'guesses') {
    const { until: clearsAt } = result;
    const scope = network === null ? null : { kind: 'address', id: network };
    const evidence = { limit_name: 'wrong_keys', unit: 'request', requested: 1, frees_at: clearsAt };
    const detail = 'Too many wrong keys came from this address, or for this key.';
    const fix = 'Check the key, and wait as long as `Retry-After` says.';
    return problems.refuse(request, reply, 'request_rate_exceeded', { detail, fix, scope, evidence, clearsAt });
  }
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
