/** Tenants and submissions for tests that speak to a store directly. */
import { newId } from '../../src/base/ids.ts';
import type { Mode } from '../../src/core/message.ts';
import type { AdmitAnswer, AdmitRequest, NewTenant, Principal, StaleCanaries, Store } from '../../src/data/store.ts';
import type { PolicyDocument } from '../../src/policy/document.ts';

export async function newPrincipal(
  store: Store,
  options: { mode?: Mode; tenant?: Partial<NewTenant>; policy?: PolicyDocument } = {},
): Promise<Principal> {
  const mode = options.mode ?? 'live';
  const tenant = await store.createTenant({
    id: newId('ten'),
    installationId: newId('ins'),
    name: 'a tenant',
    standing: 'active',
    trialEndsAt: null,
    plan: null,
    billing: 'none',
    credits: null,
    trust: 'established',
    locale: null,
    notify: [],
    actor: 'test',
    ...options.tenant,
  });
  const installation = await store.defaultInstallation({ tenantNo: tenant.no });
  const principal: Principal = { tenantNo: tenant.no, tenantId: tenant.id, mode, ...installation, keyNo: tenant.no };
  if (options.policy !== undefined) await putPolicy(store, principal, options.policy);
  return principal;
}

/** Puts a document in force for one tenant and answers with the version of what is in force. */
export async function putPolicy(store: Store, principal: Principal, document: PolicyDocument): Promise<number> {
  const { tenantNo, mode } = principal;
  const put = await store.putPolicy({ owner: 'operator', tenantNo, mode, document, author: 'test', note: null });
  return put.inForce.version;
}

const OPERATOR = { name: 'test', id: 'operator', mayApprove: true, mayOperate: true };

/** An active identity; answers with its id. */
export async function newIdentity(store: Store, principal: Principal, handle: string): Promise<string> {
  const id = newId('idn');
  const fields = {
    ...{ handle, fromEmail: `${handle}@acme.example`, fromName: handle },
    ...{ tier: null, dailyCap: null, state: 'active' as const },
  };
  const { tenantNo, mode } = principal;
  const answer = await store.createIdentity({ tenantNo, mode, id, fields, note: null, actor: OPERATOR });
  if (answer.outcome !== 'done') throw new Error(`no identity was made: ${answer.outcome}`);
  return id;
}

type Given = Partial<Omit<AdmitRequest, 'recipients' | 'body'>> & { to?: string[]; body?: string };

/** A submission to bob unless the test says otherwise. */
export function submission(principal: Principal, given: Given = {}): AdmitRequest {
  const { to = ['bob@example.com'], body = '{"text":"hello"}', ...rest } = given;
  return {
    principal,
    requestId: newId('req'),
    kind: 'transactional',
    onLimit: 'reject',
    sendAt: null,
    expiresAt: null,
    agent: null,
    identity: null,
    from: null,
    subject: 'hello',
    meta: null,
    recipients: to.map((email) => ({
      kind: 'to',
      email,
      name: null,
      key: email.toLowerCase(),
      domain: email.slice(email.lastIndexOf('@') + 1).toLowerCase(),
      undeliverable: null,
      simulated: null,
    })),
    body,
    bodyBytes: Buffer.byteLength(body),
    bodyBlob: null,
    blobs: [],
    idempotency: null,
    dedupe: null,
    contentHash: null,
    ...rest,
  };
}

/** The codes of a recipient's reasons, in order. */
export function codes(answer: AdmitAnswer | StaleCanaries, recipient = 0): string[] {
  if (!('recipients' in answer)) return [answer.outcome];
  return answer.recipients[recipient]!.reasons.map((reason) => reason.code);
}

/** An answer that must be a decision. */
export function decided(answer: AdmitAnswer | StaleCanaries): Extract<AdmitAnswer, { recipients: unknown }> {
  if (!('recipients' in answer)) throw new Error(`expected a decision, got ${answer.outcome}`);
  return answer;
}
