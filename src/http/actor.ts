/** Who makes a change, as the store and the audit log know them, and the refusal of what only a person may do. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Actor, Refused } from '../data/port/management.ts';
import type { Asking, Problems } from './problems.ts';

/** Who makes the change. A key that belongs to an agent is no person's, whatever its scopes: it may tighten, never loosen. */
export function actorOf(request: FastifyRequest): Actor {
  const { name, keyId, scopes, operator, agent } = request.caller!;
  const mayApprove = scopes.has('approve') && agent === null;
  return { name, id: keyId, agent: agentOf(request), mayApprove, mayOperate: operator };
}

/** The agent that a key belongs to, else the one that the request names. */
export function agentOf(request: Pick<Asking, 'headers' | 'caller'>): string | null {
  const given = request.headers['x-agent-id'];
  const named = typeof given === 'string' && given !== '' ? given.slice(0, 255) : null;
  return request.caller?.agent ?? named;
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
