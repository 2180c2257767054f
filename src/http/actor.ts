/** Who makes a change, as the store and the audit log know them, and the refusal of what only a person may do. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Actor, Refused } from '../data/port/management.ts';
import type { Problems } from './problems.ts';

/** Who makes the change. A key that belongs to an agent is no person's, whatever its scopes: it may tighten, never loosen. */
export function actorOf(request: FastifyRequest): Actor {
  const { name, keyId, scopes, operator, agent } = request.caller!;
  return { name, id: keyId, mayApprove: scopes.has('approve') && agent === null, mayOperate: operator };
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
