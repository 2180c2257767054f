/** What a test does in place of the relay, and of an operator who sets policies. The gateway must have POSTERN_ROLE=api. */
import type { Claimed, Settlement } from '../../src/data/store.ts';
import type { PolicyDocument } from '../../src/policy/document.ts';
import type { TestGateway } from './gateway.ts';

export type Ending =
  | { outcome: 'delivered' }
  | { outcome: 'sent' }
  | { outcome: 'deferred'; nextAttemptAt: number }
  | { outcome: 'bounced'; hard: boolean; suppress: boolean };

export const ATTEMPT = { provider: 'default', mailbox: null, reply: '250 2.0.0 queued', class: null };

/** Claims all that is due. */
export function claimDue(gateway: TestGateway): Promise<Claimed[]> {
  return gateway.gateway.store.claim({ most: 100, live: true });
}

/** Lets all that is due leave, with this ending. Answers how many recipients left. */
export async function leave(gateway: TestGateway, ending: Ending = { outcome: 'delivered' }): Promise<number> {
  const { store } = gateway.gateway;
  const claimed = await claimDue(gateway);
  for (const { recipient, token } of claimed) {
    if (!(await store.mark({ recipient, token }))) throw new Error('a recipient may not leave');
    const settled = await store.settle({ recipient, token, attempt: ATTEMPT, ...ending } as Settlement);
    if (!settled) throw new Error('a claim was lost');
  }
  return claimed.length;
}

export async function tenantNoOf(gateway: TestGateway): Promise<number> {
  return (await gateway.gateway.store.tenantById({ id: gateway.tenantId }))!.no;
}

/** Puts the operator's policy for the first tenant's test mode in force. */
export async function setPolicy(gateway: TestGateway, document: PolicyDocument): Promise<void> {
  const tenantNo = await tenantNoOf(gateway);
  const version = { owner: 'operator', tenantNo, mode: 'test', author: 'test', note: null } as const;
  await gateway.gateway.store.putPolicy({ ...version, document });
}

/** The limits as they stand, as GET /v1/limits shows them. */
export async function standingLimits(
  gateway: TestGateway,
  narrow: { identity?: string; recipient?: string } = {},
): Promise<{ name: string; used: number; remaining: number; resetsAt: number | null }[]> {
  const { store } = gateway.gateway;
  const tenantNo = await tenantNoOf(gateway);
  const installation = await store.defaultInstallation({ tenantNo });
  const principal = { tenantNo, tenantId: gateway.tenantId, mode: 'test' as const, keyNo: 0, ...installation };
  const { recipient: key } = narrow;
  const recipient = key === undefined ? null : { key, domain: key.slice(key.lastIndexOf('@') + 1) };
  const { limits } = await store.headroom({ principal, identity: narrow.identity ?? null, recipient });
  return limits.map(({ name, used, remaining, resetsAt }) => ({ name, used, remaining, resetsAt }));
}

export function mail(to: string | string[], more: Record<string, unknown> = {}): Record<string, unknown> {
  return { to, subject: 'Your quote', text: 'Here it is.', ...more };
}

export const inHours = (hours: number): string => new Date(Date.now() + hours * 3_600_000).toISOString();
