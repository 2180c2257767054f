import assert from 'node:assert/strict';
import { after, before, it, mock } from 'node:test';
import fc from 'fast-check';
import type { FastifyReply } from 'fastify';
import type { Admission, LimitStanding, RecipientVerdict } from '../../src/data/store.ts';
import { setHeadroom } from '../../src/http/headroom-headers.ts';
import type { Texts } from '../../src/http/problems.ts';
import type { RequestLimitState } from '../../src/http/request-rates.ts';
import { acceptedAnswer } from '../../src/intake/accepted-answer.ts';
import { acceptedBody, headroomOf } from '../../src/intake/outcome.ts';
import {
  compilePolicy,
  type EffectiveDocument,
  type LimitDocument,
  POLICY_DEFAULTS,
  type Policy,
} from '../../src/policy/document.ts';
import type { LimitFact } from '../../src/policy/facts.ts';

const TEXTS: Texts = { docsBase: 'https://example.com/', locale: 'en', links: {} };
/** More than any of the policies below has limits, with those that an identity and a probation add. */
const LIMITS = 9;

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.constantFrom('bob@example.com', '"a\\b"@b.example', 'jürgen@exämple.com'),
);
const id = fc.constantFrom('ten_01m81n7tjwedf9haj737s1vb9k', 'app_01m81n7tjwedf9haj737s1vb9k');
const time = fc.integer({ min: 0, max: 4_000_000_000_000 });
const second = fc.integer({ min: 0, max: 4_000_000_000 });
const used = fc.oneof(fc.constant(0), fc.nat(100), fc.nat());
const orNull = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(one, { nil: null });
const plain = <T>(parts: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(parts, { noNullPrototype: true }) as fc.Arbitrary<T>;

const limit: fc.Arbitrary<Omit<LimitDocument, 'name'>> = plain<Omit<LimitDocument, 'name'>>({
  scope: fc.constantFrom('tenant', 'app', 'installation', 'agent', 'identity', 'recipient', 'recipient_domain'),
  window: fc.constantFrom('rate', 'rolling_24h', 'rolling_7d', 'calendar_hour', 'calendar_day', 'calendar_month'),
  unit: fc.constantFrom('message', 'recipient'),
  max: fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 1_000_000_000 })),
});
const policy: fc.Arbitrary<Policy> = fc.array(limit, { maxLength: LIMITS - 2 }).map((all) => {
  const limits = all.map((one, i) => ({ name: `limit_${i}`, ...one }));
  return compilePolicy(1, { ...(POLICY_DEFAULTS as EffectiveDocument), limits });
});
const fact = plain<LimitFact>({ used, resetsAt: orNull(second), freeAt: fc.constant(0), units: fc.nat(3) });
const standing = plain<LimitStanding>({ used, resetsAt: orNull(time) });
const all = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(one, { minLength: LIMITS, maxLength: LIMITS });
const warning = plain({
  code: fc.constant('limit_approaching' as const),
  scope: orNull(plain({ kind: fc.constantFrom('tenant', 'recipient'), id: text })),
  evidence: fc.constant({
    limit_name: 'day',
    used: 9,
    limit: 10,
    window: 'calendar_day',
    unit: 'recipient',
    remaining: 1,
  }),
});
const reason = plain({
  code: fc.constant('suppressed' as const),
  scope: fc.constant(null),
  clearsAt: orNull(time),
  evidence: fc.constant({}),
});
const verdict = plain({
  id: orNull(fc.constant('rcp_01m81n7tjwedf9haj737s1vb9k')),
  email: text,
  key: fc.constantFrom('bob@example.com', 'eve@example.com', 'jürgen@exämple.com', 'ann@b.example'),
  verdict: fc.constantFrom('accept', 'schedule', 'hold', 'block'),
  departAt: time,
  reasons: fc.array(reason, { minLength: 1, maxLength: 2 }),
  warnings: fc.oneof(fc.constant([]), fc.array(warning, { maxLength: 2 })),
  limits: fc.oneof({ weight: 9, arbitrary: all(fact) }, fc.constant([])),
  standing: orNull(all(standing)),
}).map((one) =>
  one.verdict === 'accept' ? { ...one, reasons: [] } : one,
) as unknown as fc.Arbitrary<RecipientVerdict>;
const admission = plain({
  messageId: fc.constant('msg_01m81n7tjwedf9haj737s1vb9k'),
  createdAt: time,
  requestId: fc.constantFrom('req_01m81n7tjwedf9haj737s1vb9k', 'mine'),
  scopes: plain({ tenant: id, app: id, installation: id, identity: orNull(id), agent: orNull(text) }),
  identityCap: orNull(fc.integer({ min: 1, max: 500 })),
  warmup: fc.constant(null),
  probation: orNull(
    plain({
      state: fc.constant('probation' as const),
      since: time,
      until: time,
      share: fc.integer({ min: 1, max: 100 }),
      baseline: orNull(fc.integer({ min: 1, max: 500 })),
    }),
  ),
  risk: plain({ score: fc.nat(100), level: fc.constantFrom('normal', 'elevated'), threshold: fc.nat(100) }),
  recipients: fc.array(verdict, { minLength: 1, maxLength: 3 }),
}) as unknown as fc.Arbitrary<Admission>;
const requestLimit = plain<RequestLimitState>({
  name: fc.constantFrom('limit_0', 'limit_1', 'calls'),
  scope: fc.constant({ kind: 'key', id: 'key_1' }),
  unit: fc.constant('request'),
  window: fc.constantFrom('rolling_60s', 'rate'),
  limit: fc.nat(),
  used: fc.nat(),
  remaining: fc.nat(),
  resetsAt: orNull(time),
  windowSeconds: fc.nat(),
  rate: fc.boolean(),
});
const requestLimits = orNull(fc.array(requestLimit, { maxLength: 2 }));

before(() => mock.timers.enable({ apis: ['Date'], now: 1_800_000_000_000 }));
after(() => mock.timers.reset());

it('has octet for octet the body that a general writer makes of the same answer', () => {
  fc.assert(
    fc.property(admission, policy, (one, by) => {
      const parts = { policy: by, requestLimits: null, isReplayed: false, texts: () => TEXTS };
      const answer = acceptedAnswer(one, parts);
      assert.equal(answer.text, JSON.stringify(acceptedBody(one, headroomOf(one, by, true), TEXTS)));
      if (answer.isAscii) assert.equal(Buffer.byteLength(answer.text), answer.text.length);
      // A second one is written from what is kept of the first.
      assert.deepEqual(acceptedAnswer(one, parts), answer);
    }),
  );
});

it('has the headers that any answer with these limits has', () => {
  fc.assert(
    fc.property(admission, policy, requestLimits, fc.boolean(), (one, by, ofRequests, isReplayed) => {
      const expected: Record<string, string> = { 'content-type': 'application/json; charset=utf-8' };
      const header = (name: string, value: unknown): void => {
        expected[name.toLowerCase()] = String(value);
      };
      if (isReplayed) header('Idempotent-Replayed', 'true');
      const reply = { request: { requestLimits: ofRequests }, header } as unknown as FastifyReply;
      setHeadroom(reply, headroomOf(one, by, true).message, one.createdAt, one.risk);
      const parts = { policy: by, requestLimits: ofRequests, isReplayed, texts: () => TEXTS };
      const { head, status } = acceptedAnswer(one, parts);
      assert.equal(status, 202);
      const told = Object.fromEntries(head.flatMap((name, i) => (i % 2 === 0 ? [[name, head[i + 1]]] : [])));
      assert.equal(Object.keys(told).length * 2, head.length);
      assert.deepEqual(told, expected);
    }),
  );
});

it('knows that plain answers are ASCII', () => {
  fc.assert(
    fc.property(admission, policy, (one, by) => {
      const plainly = {
        email: 'a@b.example',
        key: 'a@b.example',
        verdict: 'accept' as const,
        reasons: [],
        warnings: [],
      };
      const recipients = one.recipients.map((recipient) => ({ ...recipient, ...plainly }));
      const scopes = { ...one.scopes, agent: null };
      const parts = { policy: by, requestLimits: null, isReplayed: false, texts: () => TEXTS };
      assert.equal(acceptedAnswer({ ...one, recipients, scopes }, parts).isAscii, true);
    }),
  );
});
