/** Sends of every kind, so that many rules speak: for checks that hold for whatever was decided. */
import assert from 'node:assert/strict';
import { decide } from '../../src/policy/decide.ts';
import type { PolicyDocument } from '../../src/policy/document.ts';
import { compilePolicy } from '../../src/policy/document.ts';
import { ENGINE } from '../../src/policy/look.ts';
import { canonicalVerdict } from '../../src/policy/verdict.ts';
import { setPolicy, tenantNoOf } from './by-hand.ts';
import type { TestGateway } from './gateway.ts';
import { moveClock } from './test-mode.ts';

const IN_A_BATCH = 50;

const POLICIES: PolicyDocument[] = [
  {
    limits: [
      { name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 50 },
      { name: 'pace', scope: 'installation', window: 'rate', per: 'minute', max: 30 },
      { name: 'domain', scope: 'recipient_domain', window: 'calendar_hour', max: 30 },
    ],
    cooldown: { seconds: 600 },
  },
  {
    limits: [
      { name: 'hourly', scope: 'app', window: 'rolling_1h', max: 40, unit: 'message' },
      { name: 'persona', scope: 'identity', window: 'calendar_day', max: 40 },
      { name: 'to_one', scope: 'recipient', window: 'rolling_24h', max: 4, reset_on_reply: true },
    ],
    role_accounts: 'block',
    consent: { marketing: 'required' },
    disengaged: { after_sends: 3, days: 30 },
  },
  {
    limits: [{ name: 'monthly', scope: 'tenant', window: 'calendar_month', max: 5000 }],
    quarantine: { mode: 'warn', warn_at: 5, threshold: 10 },
    negative_signals: { max: 4 },
    role_accounts: 'marketing',
  },
  { approvals: { mode: 'first_contact' }, limits: [{ name: 'agents', scope: 'agent', window: 'rolling_10m', max: 9 }] },
];

/** Runs about so many sends through HTTP in test mode, with policies, suppressions and returns changing between them. */
export async function mixedLoad(gateway: TestGateway, sends: number, seed = 1): Promise<void> {
  const random = chance(seed);
  const start = Date.parse('2027-09-01T06:00:00.000Z');
  await moveClock(gateway, { now: new Date(start).toISOString() });
  await people(gateway);
  const batches = Math.ceil(sends / IN_A_BATCH);
  const turn = Math.max(1, Math.floor(batches / 12));
  for (let n = 0; n < batches; n += 1) {
    if (n % turn === 0) await setPolicy(gateway, POLICIES[(n / turn) % POLICIES.length]!);
    await moveClock(gateway, { advance: `PT${1 + random(40)}M` });
    const messages = Array.from({ length: IN_A_BATCH }, () => aMessage(random));
    const answer = await gateway.fetchJson('POST', '/v1/messages/batch', { messages });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    const sent = answer.body.results.find(({ status }: { status: number }) => status === 202);
    if (sent !== undefined && random(2) === 0) {
      const kind = ['reply', 'complaint', 'bounce', 'unsubscribe'][random(4)];
      const email = sent.message.recipients.find((one: { status: string }) => one.status !== 'blocked').email;
      await gateway.fetchJson('POST', '/v1/returns', { kind, message_id: sent.message.id, email });
    }
  }
}

function chance(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 4_294_967_296) * below);
  };
}

async function people(gateway: TestGateway): Promise<void> {
  const post = (path: string, body: unknown) => gateway.fetchJson('POST', path, body);
  await post('/v1/identities', { handle: 'alice', from: 'alice@acme.example', daily_cap: 60 });
  await post('/v1/identities', { handle: 'bert', from: 'bert@acme.example', state: 'inactive' });
  await post('/v1/suppressions', { email: 'gone1@one.example', reason: 'hard_bounce' });
  await post('/v1/suppressions', { domain: 'closed.example', reason: 'manual_dnc' });
  await gateway.fetchJson('PUT', '/v1/contacts/never2@two.example', { do_not_contact: true });
  await gateway.fetchJson('PUT', '/v1/contacts/deal3@one.example', { opportunity: true });
  await gateway.fetchJson('PUT', '/v1/contacts/taken4@two.example', { thread_taken_over: true });
  await post('/v1/leases', { contact: 'lead5@one.example', agent: 'outreach', ttl_seconds: 86_400 });
}

const NAMES = ['gone1', 'never2', 'deal3', 'taken4', 'lead5', 'ann', 'bob', 'cay', 'dan', 'eve', 'info', 'postmaster'];
const DOMAINS = ['one.example', 'two.example', 'three.example', 'closed.example'];
const SIMULATED = ['blocked+consent_missing', 'blocked+account_suspended', 'bounced', 'delivered', 'replied'];

function address(random: (below: number) => number): string {
  if (random(20) === 0) return `${SIMULATED[random(SIMULATED.length)]}@simulator.postern.test`;
  const name = random(3) === 0 ? NAMES[random(NAMES.length)] : `person${random(120)}`;
  return `${name}@${DOMAINS[random(DOMAINS.length)]}`;
}

function aMessage(random: (below: number) => number): Record<string, unknown> {
  const to = Array.from({ length: random(6) === 0 ? 3 : 1 }, () => address(random));
  const more: Record<string, unknown> = {};
  if (random(4) === 0) more['on_limit'] = 'defer';
  if (random(6) === 0) more['kind'] = 'marketing';
  if (random(5) === 0) more['identity'] = ['alice', 'bert'][random(2)];
  if (random(7) === 0) more['agent'] = ['outreach', 'support'][random(2)];
  if (random(9) === 0)
    more['send_at'] = new Date(Date.parse('2027-09-02T06:00:00Z') + random(9) * 86_400_000).toISOString();
  if (random(15) === 0) Object.assign(more, { dedupe_key: `d${random(9)}`, on_duplicate: 'block' });
  return { to, subject: `Note ${random(30)}`, text: `A few words about ${random(1000)}.`, ...more };
}

export type Reproduction = { verdicts: number; codes: Set<string>; differing: string[] };

/** Decides stored verdicts again, up to `most` of them taken at random, from nothing but what is stored with them. */
export async function decideAllAgain(gateway: TestGateway, most: number, seed = 1): Promise<Reproduction> {
  const { store } = gateway.gateway;
  const tenantNo = await tenantNoOf(gateway);
  const ids: string[] = [];
  const filter = { status: null, recipient: null, tag: null, reason: null, since: null, until: null, q: null };
  for (let cursor: string | null = null; ; ) {
    const page = await store.messages({ tenantNo, mode: 'test', filter, limit: 200, cursor });
    ids.push(...page.rows.map(({ id }) => id));
    cursor = page.next;
    if (cursor === null) break;
  }
  const random = chance(seed);
  const found: Reproduction = { verdicts: 0, codes: new Set(), differing: [] };
  while (ids.length > 0 && found.verdicts < most) {
    const [id] = ids.splice(random(ids.length), 1);
    const stored = await store.storedVerdict({ tenantNo, mode: 'test', id: id! });
    const inForce = await store.policyVersion({ version: stored!.policyVersion });
    const policy = compilePolicy(stored!.policyVersion, inForce!.document);
    for (const { recipient, facts, verdict } of stored!.recipients) {
      assert.equal(facts?.engine, ENGINE);
      found.verdicts += 1;
      for (const { code } of [...verdict.reasons, ...verdict.warnings]) found.codes.add(code);
      const again = canonicalVerdict(decide(stored!.send, recipient, facts!, policy));
      const before = canonicalVerdict(verdict);
      if (again !== before) found.differing.push(`${id}\n  ${before}\n  ${again}`);
    }
  }
  return found;
}
