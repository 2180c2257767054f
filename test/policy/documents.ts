/** Policy documents for property tests, made from the table of fields. */
import fc from 'fast-check';
import type { LimitDocument, PolicyDocument } from '../../src/policy/document.ts';
import { type Field, type Fields, POLICY_FIELDS } from '../../src/policy/fields.ts';

const limit: fc.Arbitrary<LimitDocument> = fc
  .record({
    name: fc.constantFrom('daily', 'own_daily', 'rate', 'hourly'),
    scope: fc.constantFrom('tenant', 'recipient', 'identity'),
    window: fc.constantFrom('rate', 'rolling_24h', 'calendar_day'),
    per: fc.option(fc.constantFrom('second', 'minute'), { nil: undefined }),
    unit: fc.option(fc.constantFrom('recipient', 'message'), { nil: undefined }),
    max: fc.integer({ min: 1, max: 9 }),
    burst: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
    reset_on_reply: fc.option(fc.boolean(), { nil: undefined }),
  })
  .map(({ per, burst, reset_on_reply, ...same }) => {
    const rate = same.window === 'rate' ? { per, burst } : {};
    const reset = same.scope === 'recipient' ? { reset_on_reply } : {};
    return JSON.parse(JSON.stringify({ ...same, ...rate, ...reset })) as LimitDocument;
  });

const limits = fc.uniqueArray(limit, { selector: ({ name }) => name, maxLength: 4 });
const requestLimits = limits.map((list) =>
  list.map(({ unit: _unit, reset_on_reply: _reset, ...rest }) => ({ ...rest, scope: 'tenant' as const })),
);

function value(field: Field): fc.Arbitrary<unknown> {
  switch (field.kind) {
    case 'word':
      return fc.constantFrom(...field.words);
    case 'flag':
      return fc.boolean();
    case 'integer': {
      const number = fc.integer({ min: field.min, max: Math.min(field.max, field.min + 9) });
      return field.orNull === true ? fc.option(number) : number;
    }
    case 'ratio':
      return fc.constantFrom(0, 0.01, 0.5, 1);
    case 'window':
      return fc.constantFrom('rolling_24h', 'calendar_day');
    case 'duration': {
      const duration = fc.constantFrom('PT24H', 'P2D');
      return field.orNull === true ? fc.option(duration) : duration;
    }
    case 'texts': {
      const text =
        field.email === true ? fc.constantFrom('a@b.example', 'c@d.example') : fc.constantFrom('x', 'y', 'z');
      return fc.uniqueArray(text, { maxLength: 3 });
    }
    case 'named':
      return fc.dictionary(
        fc.constantFrom(...(field.names ?? ['spam_phrase', 'constructor', 'other'])),
        value(field.of),
        { maxKeys: 2 },
      );
    case 'object':
      return members(field.fields);
    case 'limits':
      return field.counts === 'sends' ? limits : requestLimits;
  }
}

function members(fields: Fields): fc.Arbitrary<Record<string, unknown>> {
  const arbitraries = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, value(field)]));
  return fc.record(arbitraries, { requiredKeys: [], noNullPrototype: true });
}

/** Any valid document. */
export const policyDocument: fc.Arbitrary<PolicyDocument> = members(POLICY_FIELDS) as fc.Arbitrary<PolicyDocument>;
