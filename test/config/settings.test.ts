import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSettings, VARIABLES } from '../../src/config/settings.ts';

function refusal(environment: Record<string, string>): string {
  const read = readSettings(environment);
  assert.equal(read.ok, false, `${JSON.stringify(environment)} should be refused`);
  return read.ok ? '' : read.message;
}

test('without any variable the settings are those of the reference', () => {
  const read = readSettings({});
  assert.ok(read.ok);
  assert.equal(read.settings.port, 8480);
  assert.equal(read.settings.host, '127.0.0.1');
  assert.equal(read.settings.outbound, 'sink:');
  assert.equal(read.settings.domain, 'postern.localhost');
  assert.equal(read.settings.graceMs, 25_000);
  assert.equal(read.settings.role, 'all');
  assert.deepEqual(read.settings.trustProxy, []);
});

const WRONG: Record<string, string> = {
  POSTERN_PORT: '99999',
  POSTERN_SMTP_PORT: 'on',
  POSTERN_INBOUND_PORT: '-1',
  POSTERN_DATABASE_URL: 'mysql://x',
  POSTERN_OPERATOR_KEY: 'short',
  POSTERN_SECRET: 'short',
  POSTERN_DOMAIN: 'no dots',
  POSTERN_PUBLIC_URL: 'example.com',
  POSTERN_OUTBOUND: 'carrier-pigeon:',
  POSTERN_DNS_SERVERS: 'dns.example',
  POSTERN_WEBHOOK_ALLOW: '10.0.0.0/99',
  POSTERN_PROVIDER_ALLOW: 'everywhere',
  POSTERN_TLS_CERT: '/nowhere/cert.pem',
  POSTERN_TLS_KEY: '/nowhere/key.pem',
  POSTERN_TRUST_PROXY: 'proxy',
  POSTERN_BILLING_URL: 'ftp://x',
  POSTERN_SUPPORT_URL: 'x',
  POSTERN_ROLE: 'boss',
  POSTERN_GRACE: 'soon',
  POSTERN_LOG: 'loud',
  POSTERN_FAILPOINT: 'after-dot',
};

for (const [name, value] of Object.entries(WRONG)) {
  test(`a wrong ${name} stops the start with one sentence that names it`, () => {
    const message = refusal({ [name]: value });
    assert.ok(message.includes(name), message);
    assert.match(message, /^[^\n]+\.$/);
  });
}

test('every variable that has a check is tried above', () => {
  const free = new Set(['POSTERN_HOST', 'POSTERN_DATA_DIR', 'POSTERN_OPERATOR_EMAIL']);
  for (const { name } of VARIABLES) assert.ok(name in WRONG || free.has(name), name);
});

test('a misspelt variable is named instead of ignored', () => {
  assert.match(refusal({ POSTERN_PROT: '1' }), /POSTERN_PROT/);
});

test('secrets do not show in the sentence', () => {
  for (const name of ['POSTERN_OPERATOR_KEY', 'POSTERN_SECRET', 'POSTERN_OUTBOUND']) {
    assert.ok(!refusal({ [name]: 'hunter2' }).includes('hunter2'));
  }
});
