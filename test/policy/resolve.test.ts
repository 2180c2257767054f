import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  type EffectiveDocument,
  type LimitDocument,
  POLICY_DEFAULTS,
  type PolicyDocument,
} from '../../src/policy/document.ts';
import { effectiveDocument, loosened, overruled, STRICTER } from '../../src/policy/resolve.ts';
import { validatePolicy } from '../../src/policy/validate.ts';
import { policyDocument } from './documents.ts';

const DEFAULTS = POLICY_DEFAULTS as EffectiveDocument;
const daily = (max: number, more: Partial<LimitDocument> = {}): LimitDocument => ({
  name: 'daily',
  scope: 'tenant',
  window: 'rolling_24h',
  max,
  ...more,
});
const inForce = (operator: PolicyDocument, own: PolicyDocument) => effectiveDocument(DEFAULTS, [operator], own);

test('every document of the generator is one that the reader takes', () => {
  fc.assert(
    fc.property(policyDocument, (document) => assert.deepEqual(validatePolicy(document), { ok: true, document })),
  );
});

test("a tenant's own document never loosens what the operator set", () => {
  fc.assert(
    fc.property(policyDocument, policyDocument, (operator, own) => {
      const { notify: _notify, ...controls } = inForce(operator, {});
      assert.deepEqual(loosened(controls, inForce(operator, own)), []);
    }),
  );
});

test("a tenant's own document holds whatever the operator set", () => {
  fc.assert(
    fc.property(policyDocument, policyDocument, (operator, own) => {
      assert.deepEqual(loosened(own, inForce(operator, own)), []);
    }),
  );
});

test('adding a document a second time changes nothing', () => {
  fc.assert(
    fc.property(policyDocument, policyDocument, (operator, own) => {
      const once = inForce(operator, own);
      assert.deepEqual(effectiveDocument(once, [], own), once);
    }),
  );
});

test('putting the same document again loosens nothing', () => {
  fc.assert(fc.property(policyDocument, (own) => assert.deepEqual(loosened(own, own), [])));
});

test('a change that does not loosen the own document loosens nothing in force', () => {
  fc.assert(
    fc.property(policyDocument, policyDocument, policyDocument, (operator, before, change) => {
      // Made of two, so that many pairs only tighten.
      const after = effectiveDocument(inForce({}, before), [], change) as PolicyDocument;
      assert.deepEqual(loosened(before, after), []);
      const { notify: _notify, ...controls } = inForce(operator, before);
      assert.deepEqual(loosened(controls, inForce(operator, after)), []);
    }),
  );
});

test('names of limits in force are unique', () => {
  fc.assert(
    fc.property(policyDocument, policyDocument, (operator, own) => {
      const names = inForce(operator, own).limits.map(({ name }) => name);
      assert.equal(new Set(names).size, names.length);
    }),
  );
});

test('removing, raising or redefining an own limit lowering it does not', () => {
  const before = { limits: [daily(100)] };
  assert.deepEqual(loosened(before, {}), ['limits.daily']);
  assert.deepEqual(loosened(before, { limits: [] }), ['limits.daily']);
  assert.deepEqual(loosened(before, { limits: [daily(101)] }), ['limits.daily.max']);
  assert.deepEqual(loosened(before, { limits: [daily(100, { window: 'calendar_day' })] }), ['limits.daily']);
  assert.deepEqual(loosened(before, { limits: [daily(100, { unit: 'message' })] }), ['limits.daily']);
  assert.deepEqual(loosened(before, { limits: [daily(99)] }), []);
  assert.deepEqual(loosened(before, { limits: [daily(100, { unit: 'recipient' })] }), []);
  assert.deepEqual(loosened(before, { limits: [daily(50, { name: 'renamed' })] }), []);
  const calls = { name: 'calls', scope: 'key', window: 'calendar_day', max: 5 } as const;
  assert.deepEqual(loosened({ request_rate: [calls] }, {}), ['request_rate.calls']);
  assert.deepEqual(loosened({ request_rate: [calls] }, { request_rate: [{ ...calls, max: 4 }] }), []);
});

test('a higher burst and a count that replies reset loosen', () => {
  const rate = (burst?: number): PolicyDocument => ({
    limits: [{ name: 'rate', scope: 'tenant', window: 'rate', per: 'second', max: 14, burst }],
  });
  assert.deepEqual(loosened(rate(14), rate(28)), ['limits.rate.burst']);
  assert.deepEqual(loosened(rate(), rate(14)), []);
  assert.deepEqual(loosened(rate(28), rate()), []);
  const person = (reset: boolean): PolicyDocument => ({
    limits: [daily(3, { scope: 'recipient', reset_on_reply: reset })],
  });
  assert.deepEqual(loosened(person(false), person(true)), ['limits.daily.reset_on_reply']);
  assert.deepEqual(loosened(person(true), person(false)), []);
});

test('a raise beyond what the operator set today loosens all the same', () => {
  // The operator's 50 may be gone tomorrow.
  assert.deepEqual(loosened({ limits: [daily(100)] }, { limits: [daily(200)] }), ['limits.daily.max']);
});

test('each field loosens in its own direction, and leaving it out loosens unless it was the loosest', () => {
  const at = (path: string, value: unknown): PolicyDocument =>
    path
      .replace('*', 'spam_phrase')
      .split('.')
      .reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as PolicyDocument;
  for (const [path, direction] of Object.entries(STRICTER)) {
    if (direction === 'none' || path === 'notify') {
      assert.deepEqual(loosened(at(path, 'before'), {}), [], path);
      continue;
    }
    const [loose, strict] =
      path === 'content.canaries'
        ? [['x'], ['x', 'y']]
        : direction === 'lower'
          ? [9, 3]
          : direction === 'higher'
            ? [3, 9]
            : direction === 'true'
              ? [false, true]
              : [direction[0], direction.at(-1)];
    const shown = path.replace('*', 'spam_phrase');
    assert.deepEqual(loosened(at(path, strict), at(path, loose)), [shown], path);
    assert.deepEqual(loosened(at(path, loose), at(path, strict)), [], path);
    assert.deepEqual(loosened(at(path, strict), {}), [shown], path);
    const isLoosest = direction === 'true' || (Array.isArray(direction) && path !== 'content.canaries');
    assert.deepEqual(loosened(at(path, loose), {}), isLoosest ? [] : [shown], path);
  }
});

test('whom to tell is no control', () => {
  assert.deepEqual(loosened({ notify: ['a@b.example'] }, {}), []);
});

test('the smaller of two limits that measure the same is in force', () => {
  const [limit] = inForce({ limits: [daily(500)] }, { limits: [daily(1000)] }).limits;
  assert.equal(limit?.max, 500);
  assert.equal(inForce({ limits: [daily(500)] }, { limits: [daily(100)] }).limits[0]?.max, 100);
});

test('a limit that measures something else stands beside the one whose name it has', () => {
  const { limits } = inForce({ limits: [daily(500)] }, { limits: [daily(1000, { window: 'calendar_day' })] });
  assert.deepEqual(
    limits.map(({ name, window, max }) => ({ name, window, max })),
    [
      { name: 'daily', window: 'rolling_24h', max: 500 },
      { name: 'own_daily', window: 'calendar_day', max: 1000 },
    ],
  );
});

test("the operator's document replaces what it names, to the depth it names it", () => {
  const document = effectiveDocument(
    DEFAULTS,
    [
      { limits: [daily(10)], templates: { lint: { missing_alt: 'error' } }, cooldown: { seconds: 60 } },
      { limits: [daily(20)], quarantine: { mode: 'warn' } },
    ],
    {},
  );
  assert.equal(document.limits.length, 1);
  assert.equal(document.limits[0]?.max, 20);
  assert.deepEqual(document.templates.lint, { spam_phrase: 'warn', missing_alt: 'error' });
  assert.deepEqual(document.cooldown, { per: 'recipient', seconds: 60 });
  assert.equal(document.quarantine.mode, 'warn');
  assert.equal(document.quarantine.threshold, 100);
});

test('a tenant cannot set what is for the operator alone', () => {
  const own: PolicyDocument = {
    approvals: { expires_after: 'P20D' },
    quarantine: { release_after: 'PT1H', signals: { loop: { weight: 0 } } },
  };
  assert.deepEqual(inForce({}, own), inForce({}, {}));
  assert.deepEqual(overruled(own, inForce({}, own)), [
    'approvals.expires_after',
    'quarantine.release_after',
    'quarantine.signals.loop.weight',
  ]);
});

test('what does not show in force is named, and nothing else', () => {
  const own: PolicyDocument = {
    limits: [daily(1000), daily(7, { name: 'weekly', window: 'rolling_7d' })],
    cooldown: { seconds: 5 },
    tracking: { open: true },
    role_accounts: 'block',
  };
  const document = inForce({ limits: [daily(500)], cooldown: { seconds: 60 } }, own);
  assert.deepEqual(overruled(own, document), ['limits.daily.max', 'cooldown.seconds', 'tracking.open']);
});

test('a tenant cannot lower the level that a lint has by itself, and the operator can', () => {
  const lint = (own: PolicyDocument, operator: PolicyDocument = {}) =>
    effectiveDocument(POLICY_DEFAULTS as EffectiveDocument, [operator], own).templates.lint;
  assert.deepEqual(lint({ templates: { lint: { insecure_url: 'off' } } }), {
    spam_phrase: 'warn',
    insecure_url: 'error',
  });
  assert.deepEqual(lint({ templates: { lint: { missing_text: 'error' } } }), {
    spam_phrase: 'warn',
    missing_text: 'error',
  });
  const operator: PolicyDocument = { templates: { lint: { insecure_url: 'warn' } } };
  assert.deepEqual(lint({ templates: { lint: { insecure_url: 'off' } } }, operator), {
    spam_phrase: 'warn',
    insecure_url: 'warn',
  });
});
