import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import type { Admission, RecipientVerdict } from '../../src/data/store.ts';
import { Accepted } from '../../src/intake/outcome.ts';
import type { LimitState } from '../../src/policy/headroom.ts';

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.constantFrom('bob@example.com', '"a\\b"@b.example'),
);
const time = fc.integer({ min: 0, max: 4_000_000_000_000 });
const orNull = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(one, { nil: null });
const plain = <T>(parts: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(parts, { noNullPrototype: true }) as fc.Arbitrary<T>;

const limit: fc.Arbitrary<LimitState> = plain<LimitState>({
  name: text,
  scope: plain({ kind: fc.constantFrom('tenant', 'recipient'), id: text }),
  unit: fc.constantFrom('message', 'recipient'),
  window: fc.constantFrom('rolling_24h', 'rate'),
  limit: fc.nat(),
  used: fc.nat(),
  remaining: fc.nat(),
  resetsAt: orNull(time),
  windowSeconds: fc.nat(),
  rate: fc.boolean(),
  fullLimit: fc.option(fc.nat(), { nil: undefined }),
}).map(({ fullLimit, ...rest }) => (fullLimit === undefined ? rest : { ...rest, fullLimit }));
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
  key: text,
  verdict: fc.constantFrom('accept', 'schedule', 'hold', 'block'),
  departAt: time,
  reasons: fc.array(reason, { minLength: 1, maxLength: 2 }),
  warnings: fc.array(warning, { maxLength: 2 }),
  limits: fc.constant([]),
  standing: fc.constant(null),
}) as unknown as fc.Arbitrary<RecipientVerdict>;
const admission = plain({
  messageId: fc.constant('msg_01m81n7tjwedf9haj737s1vb9k'),
  createdAt: time,
  requestId: text,
  risk: plain({ score: fc.nat(100), level: fc.constantFrom('normal', 'elevated'), threshold: fc.nat(100) }),
  recipients: fc.array(verdict, { minLength: 1, maxLength: 3 }),
}) as unknown as fc.Arbitrary<Admission>;
const limits = fc.array(limit, { maxLength: 3 });

it('is octet for octet what a general writer makes of the same answer', () => {
  fc.assert(
    fc.property(admission, limits, fc.array(limits, { minLength: 3, maxLength: 3 }), (one, message, recipients) => {
      const accepted = new Accepted(one, { message, recipients }, {
        docsBase: 'https://example.com/',
        locale: 'en',
        links: {},
      } as never);
      assert.equal(accepted.text(), JSON.stringify(accepted));
    }),
  );
});
