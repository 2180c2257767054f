import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readTrafficLine } from '../../src/simulate/traffic-line.ts';

const SEND = {
  at: '2026-03-01T09:00:00Z',
  kind: 'send',
  id: 's1',
  tenant: 'acme',
  from: 'A@X.example',
  to: ['B@Y.example', 'b@y.example', 'c@y.example'],
  subject: 'Hello',
  text: 'It works.',
  kind_of_mail: 'marketing',
};

function read(line: unknown) {
  return readTrafficLine(Buffer.from(typeof line === 'string' ? line : JSON.stringify(line)));
}

test('a send is read with addresses as keys, each recipient once', () => {
  const reading = read({ ...SEND, unheard_of: 1 });
  assert.ok(reading?.ok === true && reading.line.kind === 'send');
  const { line } = reading;
  assert.equal(line.at, Date.parse(SEND.at));
  assert.equal(line.from, 'a@x.example');
  assert.deepEqual(line.to, ['b@y.example', 'c@y.example']);
  assert.equal(line.kindOfMail, 'marketing');
  assert.equal(line.identity, null);
});

test('what is left out stands for the usual', () => {
  const { tenant: _tenant, text: _text, kind_of_mail: _kind, ...bare } = SEND;
  const reading = read({ ...bare, to: 'b@y.example' });
  assert.ok(reading?.ok === true && reading.line.kind === 'send');
  assert.equal(reading.line.tenant, 'default');
  assert.equal(reading.line.text, '');
  assert.equal(reading.line.kindOfMail, 'transactional');
});

test('what comes back is read, with or without a class', () => {
  for (const kind of ['reply', 'bounce', 'complaint', 'unsubscribe', 'consent']) {
    const reading = read({ at: SEND.at, kind, from: 'B@y.example' });
    assert.ok(reading?.ok === true && reading.line.kind !== 'send');
    assert.equal(reading.line.kind, kind);
    assert.equal(reading.line.from, 'b@y.example');
    assert.equal(reading.line.class, null);
  }
});

test('an empty line is nothing, and neither right nor wrong', () => {
  assert.equal(read(''), null);
  assert.equal(read('  \r'), null);
});

test('each thing that is wrong is a sentence that names the field', () => {
  const wrong: [unknown, RegExp][] = [
    ['{', /not JSON/],
    ['[]', /not an object/],
    ['7', /not an object/],
    [{ ...SEND, at: 'noon' }, /"at"/],
    [{ ...SEND, at: 7 }, /"at"/],
    [{ ...SEND, kind: 'sent' }, /"kind"/],
    [{ ...SEND, tenant: '' }, /"tenant"/],
    [{ ...SEND, tenant: 5 }, /"tenant"/],
    [{ ...SEND, id: undefined }, /"id"/],
    [{ ...SEND, from: 'nobody' }, /"from"/],
    [{ ...SEND, to: [] }, /"to"/],
    [{ ...SEND, to: ['x'] }, /"to"/],
    [{ ...SEND, to: Array.from({ length: 101 }, (_, n) => `p${n}@y.example`) }, /"to"/],
    [{ ...SEND, subject: null }, /"subject"/],
    [{ ...SEND, text: 7 }, /"text"/],
    [{ ...SEND, kind_of_mail: 'bulk' }, /"kind_of_mail"/],
    [{ ...SEND, identity: 7 }, /"identity"/],
    [{ ...SEND, agent: {} }, /"agent"/],
    [{ at: SEND.at, kind: 'bounce', from: 'x' }, /"from"/],
    [{ at: SEND.at, kind: 'bounce', from: 'b@y.example', class: 7 }, /"class"/],
  ];
  for (const [line, expected] of wrong) {
    const reading = read(line);
    assert.ok(reading?.ok === false, JSON.stringify(line));
    assert.match(reading.message, expected);
  }
  const garbled = readTrafficLine(Buffer.from([0x7b, 0xff, 0x7d]));
  assert.ok(garbled?.ok === false && /UTF-8/.test(garbled.message));
  const long = readTrafficLine(null);
  assert.ok(long?.ok === false && /octets/.test(long.message));
});

test('no line makes the reader throw', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      readTrafficLine(Buffer.from(text));
    }),
  );
  fc.assert(
    fc.property(fc.record(Object.fromEntries(Object.keys(SEND).map((name) => [name, fc.anything()]))), (value) => {
      let text: string;
      try {
        text = JSON.stringify({ ...SEND, ...value }) ?? '';
      } catch {
        return;
      }
      readTrafficLine(Buffer.from(text));
    }),
  );
});
