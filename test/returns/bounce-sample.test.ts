/** The whole sample: the bars that classification must keep, and what no damage to a mail may do. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { FOLDER, octetsOf, read, SAMPLES, type Sample, withLineEnds } from './sample.ts';

type Count = { right: number; wrong: string[]; missed: string[]; found: number; lost: string[]; all: number };

function countOf(samples: readonly Sample[]): Count {
  const count: Count = { right: 0, wrong: [], missed: [], found: 0, lost: [], all: 0 };
  for (const sample of samples) {
    const { recipients, kind } = read(octetsOf(sample.path));
    // A complaint suppresses too, and another test looks at those.
    if (kind === 'complaint') continue;
    const labelled = new Set(sample.expected.map((label) => label.recipient?.toLowerCase()));
    for (const label of sample.expected) {
      const key = label.recipient?.toLowerCase();
      const named = recipients.filter((one) => key === undefined || one.email.toLowerCase() === key);
      const suppresses = named.some((one) => one.suppress);
      count.all += 1;
      if (named.length > 0) count.found += 1;
      else count.lost.push(sample.path);
      if (suppresses && label.hardbounce) count.right += 1;
      else if (suppresses) count.wrong.push(sample.path);
      else if (label.hardbounce) count.missed.push(sample.path);
    }
    if (labelled.has(undefined)) continue;
    for (const one of recipients) {
      if (one.suppress && !labelled.has(one.email.toLowerCase())) count.wrong.push(sample.path);
    }
  }
  return count;
}

for (const [form, recall] of [
  ['dsn', 0.9],
  ['freeform', 0.75],
] as const) {
  test(`on ${form} mails suppression is right in 98 % and finds ${recall * 100} % of the dead addresses`, () => {
    const count = countOf(SAMPLES.filter((sample) => sample.form === form));
    assert.ok(count.right > 50);
    assert.ok(count.right / (count.right + count.wrong.length) >= 0.98, `wrong: ${count.wrong.join(', ')}`);
    assert.ok(count.right / (count.right + count.missed.length) >= recall, `missed: ${count.missed.join(', ')}`);
    if (form === 'dsn') assert.ok(count.found / count.all >= 0.98, `lost: ${count.lost.join(', ')}`);
  });
}

test('every mail is read alike with lines ended by LF, CRLF and CR', () => {
  for (const { path } of SAMPLES) {
    const octets = octetsOf(path);
    const [lf, crlf, cr] = ['\n', '\r\n', '\r'].map((ending) => read(withLineEnds(octets, ending)));
    assert.deepEqual(crlf, lf, path);
    assert.deepEqual(cr, lf, path);
  }
});

test('copies that came with other line ends are read as their originals', () => {
  const copies = SAMPLES.filter(({ path }) => /^(?:dos|mac)\//.test(path));
  const originals = new Set(SAMPLES.map(({ path }) => path));
  const pairs = copies.filter(({ path }) => originals.has(path.replace(/^(?:dos|mac)/, 'bsd')));
  assert.ok(pairs.length >= 3);
  for (const { path } of pairs) {
    assert.deepEqual(read(octetsOf(path)), read(octetsOf(path.replace(/^(?:dos|mac)/, 'bsd'))), path);
  }
});

test('complaints are complaints, vacation notes are auto-replies, and neither is a bounce', () => {
  for (const { path, form, expected } of SAMPLES) {
    const { kind, recipients } = read(octetsOf(path));
    const [label] = expected;
    if (form === 'arf') {
      assert.ok(['complaint', 'not_spam', 'auth_report', 'other'].includes(kind), `${path}: ${kind}`);
      if (kind !== 'complaint')
        assert.ok(
          recipients.every((one) => !one.suppress),
          path,
        );
    }
    if (label?.coarse === 'auto_reply') assert.equal(kind, 'auto_reply', path);
    if (label?.coarse === 'delivered') assert.ok(kind === 'delivered' || kind === 'relayed', `${path}: ${kind}`);
    if (kind !== 'bounce' && kind !== 'complaint')
      assert.ok(
        recipients.every((one) => !one.suppress && !one.hard),
        path,
      );
  }
});

test('a mail with another mail attached is no bounce', () => {
  assert.equal(read(octetsOf('not/is-not-bounce-02.eml')).kind, 'other');
});

test('the reports of RFC 3464 and RFC 5965 samples name their recipients and actions', () => {
  type Expected = {
    path: string;
    expected: { final_recipients?: string[]; actions?: string[]; original_rcpt_to?: string[] };
  };
  for (const line of readFileSync(`${FOLDER}kumo-expected.jsonl`, 'utf8').trim().split('\n')) {
    const { path, expected } = JSON.parse(line) as Expected;
    const { recipients, kind } = read(octetsOf(path));
    if (expected.final_recipients !== undefined) {
      assert.deepEqual(
        recipients.map((one) => one.email),
        expected.final_recipients,
        path,
      );
      assert.deepEqual(
        recipients.map((one) => one.action),
        expected.actions?.map((action) => action.toLowerCase()),
        path,
      );
    } else {
      assert.equal(kind, 'complaint', path);
      if (expected.original_rcpt_to?.length)
        assert.deepEqual(
          recipients.map((one) => one.email),
          expected.original_rcpt_to,
        );
    }
  }
});

/** A small generator of its own, so that the damage is the same in every run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

test('mails cut off at twenty places, or with one octet in a hundred flipped, are read without fault', () => {
  const random = randomFrom(7);
  for (const { path } of SAMPLES) {
    const octets = octetsOf(path);
    for (let place = 0; place < 20; place += 1) {
      const { recipients } = read(octets.subarray(0, Math.floor((octets.length * place) / 20)));
      assert.ok(Array.isArray(recipients), path);
    }
    const flipped = Buffer.from(octets);
    for (let n = 0; n < flipped.length / 100; n += 1) {
      const at = Math.floor(random() * flipped.length);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << Math.floor(random() * 8));
    }
    assert.ok(Array.isArray(read(flipped).recipients), path);
  }
});
