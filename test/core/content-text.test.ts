import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { contentText, readContentText } from '../../src/core/content-text.ts';
import type { Address, Submission } from '../../src/core/message.ts';

const record = <T>(parts: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(parts, { noNullPrototype: true }) as fc.Arbitrary<T>;
const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const orNull = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(one, { nil: null });
const plain = fc.constantFrom('bob@example.com', 'a@b.example').map((email): Address => {
  return { email, name: null, key: email, domain: email.slice(email.indexOf('@') + 1) };
});
const full: fc.Arbitrary<Address> = record({ email: text, name: orNull(text), key: text, domain: text });
const mixed = full.map((one): Address => ({ ...one, isMixedScript: true }));
const addresses = fc.array(fc.oneof(plain, full, mixed), { maxLength: 3 });
const pairs = fc.array(fc.tuple(text, text), { maxLength: 3 });
const file = record({ filename: text, contentType: text, contentId: orNull(text), sha256: text, size: fc.nat() });

const plainSubmissions: fc.Arbitrary<Submission> = record({
  from: orNull(fc.oneof(plain, full)),
  to: addresses,
  cc: addresses,
  bcc: addresses,
  replyTo: addresses,
  subject: text,
  text: orNull(text),
  html: orNull(text),
  template: orNull(
    record({
      id: text,
      version: orNull(fc.nat()),
      data: fc.dictionary(
        text.filter((k) => k !== '__proto__'),
        text,
        { noNullPrototype: true },
      ),
    }),
  ),
  attachments: fc.array(file, { maxLength: 2 }),
  headers: pairs,
  tags: fc.array(text, { maxLength: 3 }),
  metadata: pairs,
  kind: fc.constantFrom('transactional', 'marketing'),
  identity: orNull(text),
  threadId: orNull(text),
  inReplyTo: orNull(text),
  references: fc.array(text, { maxLength: 3 }),
  agent: orNull(text),
  leaseToken: orNull(text),
  purpose: orNull(text),
  dedupeKey: orNull(text),
  onDuplicate: fc.constantFrom('replay', 'block'),
  sendAt: orNull(fc.nat()),
  onLimit: fc.constantFrom('reject', 'defer'),
  expiresAt: orNull(fc.nat()),
});

const submissions = fc.oneof(
  plainSubmissions,
  fc.tuple(plainSubmissions, addresses, addresses).map(([one, to, cc]): Submission => ({ ...one, shown: { to, cc } })),
);

describe('contentText', () => {
  it('is read back as what was written, whatever the bodies hold', () => {
    fc.assert(fc.property(submissions, (one) => assert.deepEqual(readContentText(contentText(one)), one)));
  });

  it('is another text for another submission', () => {
    fc.assert(
      fc.property(submissions, submissions, (a, b) => {
        assert.equal(contentText(a) === contentText(b), JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });

  it('survives being stored as UTF-8', () => {
    fc.assert(
      fc.property(submissions, (one) => {
        assert.deepEqual(readContentText(Buffer.from(contentText(one)).toString()), one);
      }),
    );
  });

  it('is refused by its reader when it was cut or grew', () => {
    const [one] = fc.sample(submissions, 1);
    const whole = contentText({ ...one!, text: 'Dear Bob', html: null });
    for (const damaged of ['', '{}', '{', whole.slice(0, -1), `${whole}.`, whole.slice(whole.indexOf('\n') + 1)]) {
      assert.throws(() => readContentText(damaged), damaged);
    }
  });
});
