import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { test } from 'node:test';
import { openSecrets } from '../../src/base/secrets.ts';
import type { SigningDomain } from '../../src/data/port/domains.ts';
import { type DkimKey, generateDkimKey } from '../../src/relay/dkim.ts';
import { SenderKeys } from '../../src/relay/sender-keys.ts';

const secrets = openSecrets([{ version: 1, secret: 'x'.repeat(32) }]);
const { privateKey } = await generateDkimKey('ed25519');
const OWN: DkimKey = { domain: 'gateway.example', selector: 'postern', privateKey: createPrivateKey(privateKey) };
const context = 'domain/dom_1/dkim/1/ed25519';
const signing = (changes: Partial<SigningDomain> = {}): SigningDomain => ({
  domain: 'acme.example',
  hasReturnPath: true,
  keys: [
    { no: 1, algorithm: 'ed25519', selector: 'one', sealed: secrets.seal(Buffer.from(privateKey), context), context },
  ],
  ...changes,
});
const sending = (email: string, tenantNo = 1) => ({ tenantNo, mode: 'live' as const, from: { email, name: null } });

type Asked = { tenantNo: number; domain: string };
function keysOver(find: (asked: Asked) => SigningDomain | null): {
  keys: SenderKeys;
  asked: Asked[];
  faults: string[];
} {
  const asked: Asked[] = [];
  const faults: string[] = [];
  const keys = new SenderKeys({
    store: {
      async signingDomain(input) {
        asked.push(input);
        return find(input);
      },
    },
    secrets,
    domain: 'gateway.example',
    gatewayKeys: async () => [OWN],
    log: { error: (_, message) => faults.push(message) },
  });
  return { keys, asked, faults };
}

test('what signs is asked for once, with the domain in one form, and again after a change', async () => {
  const { keys, asked } = keysOver(() => signing());
  const first = await keys.keysFor(sending('a@bücher.example'));
  assert.deepEqual(
    first.map(({ domain, selector }) => [domain, selector]),
    [['acme.example', 'one']],
  );
  assert.equal(await keys.returnDomainFor(sending('b@XN--bcher-kva.example')), 'bounces.acme.example');
  assert.deepEqual(
    asked.map(({ domain }) => domain),
    ['xn--bcher-kva.example'],
  );
  keys.forget(2);
  await keys.keysFor(sending('a@bücher.example'));
  assert.equal(asked.length, 1, 'another tenant’s change');
  keys.forget(1);
  const again = await keys.keysFor(sending('a@bücher.example'));
  assert.equal(asked.length, 2);
  assert.equal(
    again[0]?.privateKey,
    first[0]?.privateKey,
    'the same key object, which has crossed to the threads already',
  );
});

test('each tenant is asked for by itself, and the gateway signs for who has no key', async () => {
  const { keys } = keysOver(({ tenantNo }) => (tenantNo === 1 ? signing() : null));
  assert.equal((await keys.keysFor(sending('a@acme.example', 1)))[0]?.domain, 'acme.example');
  assert.equal((await keys.keysFor(sending('a@acme.example', 2)))[0]?.domain, 'gateway.example');
  assert.equal(await keys.returnDomainFor(sending('a@acme.example', 2)), 'bounces.gateway.example');
});

test('the gateway’s own domain is nobody’s to be asked for', async () => {
  const { keys, asked } = keysOver(() => signing());
  assert.equal((await keys.keysFor(sending('a@Gateway.example')))[0]?.domain, 'gateway.example');
  assert.deepEqual(asked, []);
});

test('a key that was sealed under a secret that is gone signs nothing, and is told of once', async () => {
  const other = openSecrets([{ version: 2, secret: 'y'.repeat(32) }]);
  const sealed = other.seal(Buffer.from(privateKey), context);
  const { keys, faults } = keysOver(() => signing({ keys: [{ ...signing().keys[0]!, sealed }] }));
  for (const email of ['a@acme.example', 'a@b.acme.example']) {
    assert.deepEqual(await keys.keysFor(sending(email)), [OWN]);
  }
  assert.equal(faults.length, 1);
});

test('what could not be read is read anew by the next message', async () => {
  let isDown = true;
  const { keys } = keysOver(() => {
    if (isDown) throw new Error('unavailable');
    return signing();
  });
  await assert.rejects(keys.keysFor(sending('a@acme.example')), /unavailable/);
  isDown = false;
  assert.equal((await keys.keysFor(sending('a@acme.example')))[0]?.domain, 'acme.example');
});
