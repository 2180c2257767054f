/**
 * Suppressions as faces keep them: by the address. They go through the same calls as the management API's, so that what only a
 * person may lift stays, and the audit log knows who asked.
 */
import type { FastifyRequest } from 'fastify';
import { readAddress } from '../../base/address.ts';
import type { Refused } from '../../data/port/management.ts';
import type { SuppressionRow } from '../../data/store.ts';
import { actorOf } from '../../http/actor.ts';
import type { SuppressionReason } from '../../policy/suppression.ts';
import type { IntakeDoor } from '../door.ts';

type Asked = { request: FastifyRequest; door: Pick<IntakeDoor, 'store'> };

const IN_A_PAGE = 200;

/** Newest first; of one address where `email` says so. */
export async function* eachSuppression(
  { request, door }: Asked,
  { email, reason = null }: { email?: string | undefined; reason?: SuppressionReason | null } = {},
): AsyncGenerator<SuppressionRow> {
  const { tenantNo, mode } = request.caller!.principal!;
  const key = email === undefined ? null : keyOf(email);
  if (email !== undefined && key === null) return;
  let cursor: string | null = null;
  do {
    const page: { rows: SuppressionRow[]; next: string | null } = await door.store.suppressions({
      ...{ tenantNo, mode, kind: 'address', key, reason, limit: IN_A_PAGE, cursor },
    });
    yield* page.rows;
    cursor = page.next;
  } while (cursor !== null);
}

/** The rows that an id or an address names, the newest first. */
export async function found({ request, door }: Asked, name: string): Promise<SuppressionRow[]> {
  if (name.includes('@')) return Array.fromAsync(eachSuppression({ request, door }, { email: name }));
  const { tenantNo, mode } = request.caller!.principal!;
  const row = await door.store.suppression({ tenantNo, mode, id: name });
  return row === null ? [] : [row];
}

/** Null where the address is none. */
export async function added({ request, door }: Asked, email: unknown): Promise<SuppressionRow | null> {
  const key = typeof email === 'string' ? keyOf(email) : null;
  if (key === null) return null;
  const { tenantNo, mode } = request.caller!.principal!;
  const suppression = { kind: 'address', key, reason: 'manual_dnc', expiresAt: null, note: null } as const;
  return (await door.store.suppress({ tenantNo, mode, suppression, actor: actorOf(request) })).suppression;
}

/** Lifting is a person's to do: null when all are lifted. The note in the audit log says which way it came. */
export async function lifted(
  { request, door }: Asked,
  rows: readonly SuppressionRow[],
  note: string,
): Promise<Refused | null> {
  const { tenantNo, mode } = request.caller!.principal!;
  for (const { id } of rows) {
    const answer = await door.store.liftSuppression({ tenantNo, mode, id, note, actor: actorOf(request) });
    if (answer.outcome === 'human_decision_required') return answer;
  }
  return null;
}

function keyOf(email: string): string | null {
  const read = readAddress(email.trim());
  return read.ok ? read.address.key : null;
}
