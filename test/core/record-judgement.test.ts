import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DnsText } from '../../src/core/dns-answer.ts';
import {
  judgeDkim,
  judgeDmarc,
  judgeOwnership,
  judgeReturnPath,
  judgeSpf,
  type ReturnPathInput,
} from '../../src/core/record-judgement.ts';
import { RECORD_STATES, type RecordFinding } from '../../src/core/sender-records.ts';

const KEY = `MIIB${'Ab1+/'.repeat(70)}`;
const EXPECTED = { algorithm: 'rsa', publicKey: KEY, selector: 'one' } as const;
const found = (...records: string[]): DnsText => ({ outcome: 'found', records });
const dkim = (...records: string[]): RecordFinding =>
  judgeDkim(found(...records), 'one._domainkey.acme.example', EXPECTED);
const spf = (...records: string[]): RecordFinding =>
  judgeSpf(found(...records), 'bounces.acme.example', 'bounces.g.example');
const dmarc = (...records: string[]): RecordFinding => judgeDmarc(found(...records), '_dmarc.acme.example');

test('a key is the right one however its record is written', () => {
  for (const text of [
    `v=DKIM1; k=rsa; p=${KEY}`,
    `p=${KEY}`,
    `v=DKIM1;k=rsa;p=${KEY};`,
    `v = DKIM1 ; h=sha1:sha256 ; s=* ; t=s:y ; p=${KEY.slice(0, 100)} ${KEY.slice(100)}`,
  ]) {
    assert.deepEqual([dkim(text).state, dkim(text).problem], ['found', null], text);
  }
  assert.equal(dkim(`v=DKIM1; p=${KEY}`, 'something else').state, 'found', 'what is no key stands in nobody’s way');
});

test('what would keep receivers from the right key is a mismatch', () => {
  const cases: [string, RegExp][] = [
    [`v=DKIM2; p=${KEY}`, /version/],
    [`v=DKIM1; k=ed25519; p=${KEY}`, /k=rsa/],
    [`v=DKIM1; h=sha1; p=${KEY}`, /sha256/],
    [`v=DKIM1; s=tlsrpt; p=${KEY}`, /email/],
    [`v=DKIM1; p=${KEY.toLowerCase()}`, /letter case/],
    [`v=DKIM1; p=${KEY}\\`, /quotation marks or backslashes/],
    [`v=DKIM1; k=rsa`, /no key/],
  ];
  for (const [text, told] of cases) {
    const { state, problem } = dkim(text);
    assert.equal(state, 'mismatch', text);
    assert.match(problem ?? '', told);
  }
});

test('an SPF record allows what it includes, and nothing behind its end counts', () => {
  for (const text of [
    'v=spf1 include:bounces.g.example ~all',
    'V=SPF1 mx +include:Bounces.G.example -all',
    'v=spf1 redirect=bounces.g.example',
  ]) {
    assert.equal(spf(text).state, 'found', text);
  }
  const cases: [string, RegExp][] = [
    ['v=spf1 -all include:bounces.g.example', /behind "all"/],
    ['v=spf1 -include:bounces.g.example ~all', /forbids/],
    ['v=spf1 ?include:bounces.g.example ~all', /does not hold/],
    ['v=spf1 redirect=bounces.g.example -all', /does not hold/],
    [`v=spf1 ${'include:x.example '.repeat(10)}include:bounces.g.example ~all`, /11 look-ups/],
    ['v=spf1; include:bounces.g.example', /begins with/],
    ['"v=spf1 include:bounces.g.example ~all"', /quotation/],
  ];
  for (const [text, told] of cases) {
    assert.equal(spf(text).state, 'mismatch', text);
    assert.match(spf(text).problem ?? '', told, text);
  }
  assert.equal(spf('google-site-verification=x').state, 'missing');
  assert.equal(judgeSpf(found('v=spf1 mx -all'), 'x.example', null).state, 'found');
});

test('every DMARC policy counts, and what receivers do not take for one does not', () => {
  for (const text of [
    'v=DMARC1; p=none',
    'v=DMARC1;p=reject;adkim=s',
    'v=DMARC1; p=Quarantine; rua=mailto:a@b.example',
  ]) {
    assert.equal(dmarc(text).state, 'found', text);
  }
  for (const text of ['v=dmarc1; p=none', 'v=DMARC1; p=monitor', 'p=none', '“v=DMARC1; p=none”']) {
    assert.equal(dmarc(text).state, 'mismatch', text);
  }
});

const path = (changes: Partial<ReturnPathInput>): RecordFinding =>
  judgeReturnPath({
    name: 'bounces.acme.example',
    domain: 'acme.example',
    hosts: ['in.g.example', 'g.example'],
    alias: 'bounces.g.example',
    mx: { outcome: 'none' },
    cname: { outcome: 'none' },
    ...changes,
  });
const mx = (...hosts: [exchange: string, preference: number][]): Partial<ReturnPathInput> => ({
  mx: { outcome: 'found', records: hosts.map(([exchange, preference]) => ({ exchange, preference })) },
});

test('a return path leads to the gateway by its MX, or by an alias in its place', () => {
  assert.equal(path(mx(['IN.g.example.', 10])).state, 'found');
  assert.equal(path(mx(['backup.example', 20], ['g.example', 10])).state, 'found', 'the first one counts');
  assert.equal(path({ cname: found('bounces.g.example.') }).state, 'found');
  const cases: [Partial<ReturnPathInput>, RegExp][] = [
    [mx(['g.example', 20], ['backup.example', 10]), /first to backup\.example/],
    [mx(['', 0]), /null MX/],
    [mx(['192.0.2.1', 10]), /names a host, not an address/],
    [mx(['in.g.example.acme.example', 10]), /dot at its end/],
    [{ cname: found('bounces.g.example.acme.example') }, /dot at its end/],
    [{ cname: found('www.acme.example') }, /no MX can stand beside it/],
  ];
  for (const [changes, told] of cases) assert.match(path(changes).problem ?? '', told, JSON.stringify(changes));
  assert.equal(path({}).state, 'missing');
  assert.equal(path({ mx: { outcome: 'failed', message: 'SERVFAIL' } }).state, 'unanswered');
});

test('a failed look-up is unanswered and nothing else', () => {
  const failed: DnsText = { outcome: 'failed', message: 'SERVFAIL' };
  const judged = [
    judgeOwnership(failed, 'a.example', 'postern-verification=x'),
    judgeDkim(failed, 'a.example', EXPECTED),
    judgeSpf(failed, 'a.example', null),
    judgeDmarc(failed, 'a.example'),
  ];
  for (const { state, problem } of judged) {
    assert.equal(state, 'unanswered');
    assert.match(problem ?? '', /SERVFAIL.*not taken for missing/);
  }
});

test('whatever stands in the DNS is judged with a sentence, shown without controls, and in bounded time', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'v=DKIM1; ',
      'v=spf1 ',
      'v=DMARC1; ',
      'p=',
      KEY,
      '"',
      '\\',
      ';',
      ' include:bounces.g.example ',
      '\0',
      '\x1b[31m',
    ),
    fc.string({ unit: 'binary', maxLength: 20 }),
  );
  const texts = fc.array(
    fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join('')),
    { minLength: 1, maxLength: 4 },
  );
  fc.assert(
    fc.property(texts, (records) => {
      const judged = [
        dkim(...records),
        spf(...records),
        dmarc(...records),
        judgeOwnership(found(...records), 'a.example', 'postern-verification=x'),
      ];
      for (const { state, found: text, problem } of judged) {
        assert.ok(RECORD_STATES.includes(state));
        assert.equal(state === 'found', problem === null);
        for (const shown of [text ?? '', problem ?? '']) assert.doesNotMatch(shown, /[\u0000-\u001f\u007f-\u009f]/u);
        assert.ok((text ?? '').length < 4000);
      }
    }),
  );
  const large = ['p='.repeat(30_000), '"'.repeat(60_000), ';'.repeat(60_000), 'v=spf1 '.repeat(9000)];
  const began = performance.now();
  for (const text of large) for (const judge of [dkim, spf, dmarc]) judge(text, text);
  assert.ok(performance.now() - began < 2000);
});
