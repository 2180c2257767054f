/** Refusals that many routes of the management API share. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '../data/store.ts';
import type { Problems } from '../http/problems.ts';

export { actorOf, refuseLoosening } from '../http/actor.ts';

/** The tenant and mode of a route that needs one: the key check has seen to it. */
export function principalOf(request: FastifyRequest): Principal {
  return request.caller!.principal!;
}

/** The same whether it does not exist or belongs to somebody else. */
export function notFound(
  request: FastifyRequest,
  reply: FastifyReply,
  problems: Problems,
  resource: string,
  id: string,
): FastifyReply {
  return problems.refuse(request, reply, 'not_found', { evidence: { resource, id: id.slice(0, 100) } });
}

export function conflict(
  request: FastifyRequest,
  reply: FastifyReply,
  problems: Problems,
  evidence: { resource: string; id: string; state: string; action: string },
  detail?: string,
): FastifyReply {
  return problems.refuse(request, reply, 'state_conflict', { evidence, detail });
}

export function invalid(
  request: FastifyRequest,
  reply: FastifyReply,
  problems: Problems,
  param: string,
  message: string,
): FastifyReply {
  return problems.invalid(request, reply, [{ code: 'invalid_parameter', param, message }]);
}
