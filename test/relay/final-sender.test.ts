import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { composeMessage } from '../../src/relay/compose.ts';
import { senderProblem } from '../../src/relay/final-sender.ts';
import { sampleMessage } from './sample-message.ts';

const octets = (...lines: string[]): Buffer => Buffer.from(`${lines.join('\r\n')}\r\n\r\nbody\r\n`);
const EMAIL = 'alice@acme.example';

test('what the composer makes has the sender that was decided on, whatever its name and address', () => {
  const name = fc.option(fc.string({ unit: 'grapheme', maxLength: 80 }), { nil: null });
  const email = fc.constantFrom(
    EMAIL,
    '"a, <b@c.example>"@acme.example',
    'älice@bücher.example',
    'a@xn--bcher-kva.example',
  );
  fc.assert(
    fc.property(name, email, (shown, address) => {
      let bytes: Uint8Array;
      try {
        ({ bytes } = composeMessage(sampleMessage({ from: { email: address, name: shown } })));
      } catch {
        return; // what cannot be composed goes nowhere
      }
      assert.equal(senderProblem(bytes, address), null);
    }),
  );
});

test('a second sender in any form is found', () => {
  const cases: [Buffer, RegExp][] = [
    [octets('To: b@c.example'), /0 From fields/],
    [octets(`From: ${EMAIL}`, 'from : eve@evil.example'), /2 From fields/],
    [octets(`From: ${EMAIL}, eve@evil.example`), /not exactly one address/],
    [octets(`From: Alice <${EMAIL}> <eve@evil.example>`), /not exactly one address/],
    [octets(`From: friends: ${EMAIL};`), /not exactly one address/],
    [octets('From: eve@evil.example'), /another From/],
    [octets(`From: "${EMAIL}" <eve@evil.example>`), /another From/],
    [octets(`From: "unfinished <${EMAIL}>`), /not exactly one address/],
    [octets(`From: ${EMAIL}`, 'Sender: eve@evil.example'), /sender/],
    [octets(`From: ${EMAIL}`, 'Resent-From: eve@evil.example'), /resent-from/],
    [octets(`From: ${EMAIL}`, 'Subject: x\nFrom: eve@evil.example'), /bare CR or LF/],
    [octets(`From: ${EMAIL}`, 'Subject: x\rFrom: eve@evil.example'), /bare CR or LF/],
  ];
  for (const [bytes, told] of cases) assert.match(senderProblem(bytes, EMAIL) ?? '', told, bytes.toString());
});

test('what stands in the body, or in a folded line, is no sender', () => {
  const bytes = Buffer.from(
    `Subject: a\r\n From: eve@evil.example\r\nFrom: Alice\r\n <${EMAIL}>\r\n\r\nFrom: eve@evil.example\r\n`,
  );
  assert.equal(senderProblem(bytes, EMAIL), null);
});
