/** Refusals that many routes of the management API share. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Actor, Refused } from '../data/port/management.ts';
import type { Principal } from '../data/store.ts';
import type { Problems } from '../http/problems.ts';

/** Who makes the change. A key that belongs to an agent is no person's, whatever its scopes: it may tighten, never loosen. */
export function actorOf(request: FastifyRequest): Actor {
  const { name, keyId, scopes, operator, agent } = request.caller!;
  return { name, id: keyId, mayApprove: scopes.has('approve') && agent === null, mayOperate: operator };
}

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

export function refuseLoosening(
  request: FastifyRequest,
  reply: FastifyReply,
  problems: Problems,
  refused: Refused,
  action: string,
): FastifyReply {
  const { needs, loosens } = refused;
  const evidence = { action, loosens, required: needs ?? 'approve' };
  if (needs !== null) return problems.refuse(request, reply, 'human_decision_required', { evidence });
  const detail = `This change loosens ${loosens.join(', ')}: say in "note" why, for the audit log.`;
  const fix = 'Make the same call again with a `note` that says why.';
  return problems.refuse(request, reply, 'human_decision_required', { evidence, detail, fix, param: 'note' });
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
