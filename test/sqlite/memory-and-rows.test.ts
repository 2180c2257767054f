/**
 * What the writer has in memory is what a start would read from rows and journal: after groups that were written, that were undone and
 * run again call by call, after checks, claims, emptied test data and erased people. Small bounds put evictions, packing and rewritten
 * rows between any two of them.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, it } from 'node:test';
import fc from 'fast-check';
import { LedgerCache } from '../../src/data/sqlite/ledger-cache.ts';
import type { Entry } from '../../src/data/sqlite/ledger-entry.ts';
import { RiskStates } from '../../src/data/sqlite/risk-states.ts';
import { spaceOf } from '../../src/data/sqlite/spaces.ts';
import { WRITER_CALLS } from '../../src/data/sqlite/writer-calls.ts';
import type { WriterState } from '../../src/data/sqlite/writer-state.ts';
import type { Principal } from '../../src/data/store.ts';
import type { LimitDocument, PolicyDocument } from '../../src/policy/document.ts';
import { featuresOf } from '../../src/policy/risk/features.ts';
import { packRisk } from '../../src/policy/risk/state.ts';
import { entriesOf } from '../harness/series.ts';
import { newPrincipal, putPolicy, submission } from '../harness/submissions.ts';
import { TestWriter } from '../harness/writer.ts';

const BOUNDS = { entries: 10, packed: 4, cycleDirty: 5, slice: 2, cycleOctets: 2000 };
const PEOPLE = Array.from({ length: 9 }, (_, i) => `p${i}@d${i % 3}.example`);
const TEXTS = ['hello', 'free money at https://a.example/x', 'win http://b.example now', 'your invoice 12345', ''];
const ACTOR = { name: 'Dana', id: 'key_1', mayApprove: true, mayOperate: true };
const BROKEN = 'a call of the group is broken';
const SCOPES = ['tenant', 'app', 'installation', 'agent', 'recipient', 'recipient_domain'] as const;

/** Long windows of all kinds, so that nothing that is compared is forgotten by its age. */
const POLICY: PolicyDocument = {
  quarantine: { mode: 'warn' },
  limits: SCOPES.flatMap((scope): LimitDocument[] => [
    { name: `${scope} people`, scope, unit: 'recipient', window: 'rolling_40d', max: 60 },
    { name: `${scope} messages`, scope, unit: 'message', window: 'rolling_40d', max: 50 },
  ]).concat({ name: 'rate', scope: 'tenant', window: 'rate', max: 5, burst: 9 }),
};

const who = { tenant: fc.nat({ max: 2 }), isTest: fc.boolean() };
const send = fc.record({
  ...who,
  do: fc.constantFrom('admit', 'admit', 'admit', 'check'),
  to: fc.uniqueArray(fc.constantFrom(...PEOPLE), { minLength: 1, maxLength: 4 }),
  ahead: fc.option(fc.constantFrom(500, 60_000, 3_600_000), { freq: 3 }),
  agent: fc.option(fc.constantFrom('scout', 'writer'), { freq: 2 }),
  text: fc.constantFrom(...TEXTS),
  key: fc.option(fc.nat({ max: 5 }), { freq: 2 }),
});
const other = fc.record({
  ...who,
  do: fc.constantFrom('break', 'claim', 'reset', 'erase', 'headroom'),
  person: fc.constantFrom(...PEOPLE),
});
type Call =
  typeof send extends fc.Arbitrary<infer T> ? T | (typeof other extends fc.Arbitrary<infer U> ? U : never) : never;
const group = fc.record({
  calls: fc.array(fc.oneof({ weight: 6, arbitrary: send }, { weight: 1, arbitrary: other }), { maxLength: 9 }),
  /** Its first commit finds no room. */
  isLost: fc.boolean(),
  ms: fc.constantFrom(0, 1, 900, 61_000, 3_600_000),
});

let writer: TestWriter;
let principals: Principal[];
let messages = 0;

beforeEach(async () => {
  writer = new TestWriter({ ledger: BOUNDS, keys: { keys: 6, generations: 1 }, mostFresh: 4 });
  principals = [];
  for (const billing of ['none', 'credits', 'none'] as const) {
    const credits = billing === 'credits' ? 90 : null;
    const principal = await newPrincipal(writer.store, { tenant: { billing, credits, trust: 'new' }, policy: POLICY });
    await putPolicy(writer.store, { ...principal, mode: 'test' }, POLICY);
    principals.push(principal);
  }
});
afterEach(() => writer.close());

function make(state: WriterState, call: Call): unknown {
  const principal: Principal = { ...principals[call.tenant]!, mode: call.isTest ? 'test' : 'live' };
  if ('to' in call) {
    const { to, text, agent, ahead, key } = call;
    const sendAt = ahead === null ? null : writer.now + ahead;
    const content = featuresOf({
      from: null,
      replyTo: [],
      subject: 'x',
      text,
      html: null,
      inReplyTo: null,
      attachments: [],
    });
    messages += 1;
    const idempotency = key === null ? null : { key: `k${key}`, fingerprint: to.join() };
    const given = { to, agent, sendAt, content, idempotency, onLimit: 'defer' as const, body: `${messages}` };
    return WRITER_CALLS[call.do as 'admit' | 'check'](state, submission(principal, given));
  }
  if (call.do === 'break') throw new Error(BROKEN);
  if (call.do === 'claim') return WRITER_CALLS.claim(state, { most: 3, live: true });
  if (call.do === 'reset') return WRITER_CALLS.resetTestData(state, { ...principal, actor: 'test' });
  if (call.do === 'headroom') return WRITER_CALLS.headroom(state, { principal, identity: null, recipient: null });
  const [key, domain] = [call.person, call.person.slice(3)];
  return WRITER_CALLS.eraseContact(state, { ...principal, key, domain, note: 'asked', actor: ACTOR });
}

/** A group as the writer runs it: undone whole where a call breaks, and each call run again by itself. */
function run(calls: readonly Call[], isLost: boolean): void {
  const { state, db } = writer;
  db.exec('BEGIN IMMEDIATE');
  try {
    state.begin();
    for (const call of calls) make(state, call);
    state.endGroup();
    if (isLost) throw new Error(BROKEN);
    db.exec('COMMIT');
  } catch (error) {
    db.exec('ROLLBACK');
    state.recover();
    if ((error as Error).message !== BROKEN) throw error;
    if (calls.length > 1 || isLost) for (const call of calls) run([call], false);
  }
}

function told(entry: Entry): unknown {
  const { recipient, message, gauges, tats, firstAt, suppressions, marks } = entry;
  const numbers = [...(gauges ?? [])].filter(([, n]) => n !== 0);
  const [people, sent] = [recipient, message].map((series) => (series === null ? [] : entriesOf(series)));
  return { people, sent, numbers, tats: [...(tats ?? [])], firstAt, suppressions, marks };
}

/** Beside the one that goes on, and without a trace in it. */
function compare(): void {
  const { db, state } = writer;
  const risks = new RiskStates(db);
  const stored = new LedgerCache(db, BOUNDS, risks);
  const hour = Math.floor(writer.now / 3_600_000);
  for (const { tenantNo, tenantId, appId, installationId } of principals) {
    const scopes = [`#app:${appId}`, `#installation:${installationId}`, '#agent:scout', '#agent:writer'];
    const domains = ['@d0.example', '@d1.example', '@d2.example'];
    for (const mode of ['live', 'test'] as const) {
      const space = spaceOf(tenantNo, mode);
      for (const key of ['#tenant', `#hour:${hour}`, `#hour:${hour - 1}`, ...scopes, ...domains, ...PEOPLE]) {
        const what = `${key} of ${tenantId} in ${mode}`;
        assert.deepEqual(told(state.ledger.entry(space, key)), told(stored.entry(space, key)), what);
      }
      const trusted = { trust: 'new' as const, createdAt: 0 };
      const known = db.prepare('SELECT 1 FROM event WHERE space = ? AND type < 4 LIMIT 1').get(space) !== undefined;
      if (known) assert.deepEqual(packRisk(state.risks.get(space, trusted, 0)), packRisk(risks.get(space, trusted, 0)));
    }
  }
  const dirty = state.ledger.dirtyEntries;
  state.ledger.evict();
  assert.equal(state.ledger.dirtyEntries, dirty);
}

it('is the same in memory as in rows and journal, whatever was undone, evicted, emptied or erased', () => {
  fc.assert(
    fc.property(fc.array(group, { minLength: 1, maxLength: 8 }), (groups) => {
      for (const { calls, isLost, ms } of groups) {
        writer.now += ms;
        writer.state.startGroup(writer.now);
        run(calls, isLost);
        writer.state.afterCommit();
        compare();
      }
      writer.group((state) => state.ledger.flushAll());
      assert.equal(writer.state.ledger.dirtyEntries, 0);
      compare();
    }),
    { numRuns: Number(process.env['MODEL_RUNS'] ?? 25) },
  );
});
