import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, createServer } from 'node:tls';
import { openCertificate } from '../../src/base/certificate.ts';
import { makeSelfSigned } from '../../src/base/self-signed.ts';

const NONE = { certificate: null, key: null };

test('a certificate made here is valid, for its host alone, and signed by its own key', () => {
  const now = Date.UTC(2026, 10, 22);
  const { certificate } = makeSelfSigned('mail.acme.example', now);
  const read = new X509Certificate(certificate);
  assert.equal(read.subject, 'CN=mail.acme.example');
  assert.equal(read.issuer, read.subject);
  assert.equal(read.checkHost('mail.acme.example'), 'mail.acme.example');
  assert.equal(read.checkHost('other.example'), undefined);
  assert.equal(read.ca, false);
  assert.ok(read.verify(read.publicKey));
  assert.ok(Date.parse(read.validFrom) < now && Date.parse(read.validTo) > now + 19 * 365 * 86_400_000);
  assert.notEqual(new X509Certificate(makeSelfSigned('a.example', now).certificate).serialNumber, read.serialNumber);
});

test('a certificate that lasts beyond 2049 is valid too', () => {
  const now = Date.UTC(2045, 0, 1);
  const read = new X509Certificate(makeSelfSigned('a.example', now).certificate);
  assert.equal(new Date(Date.parse(read.validTo)).getUTCFullYear(), 2064);
});

test('it encrypts a session with a client that trusts it', async (t) => {
  const { certificate, key } = makeSelfSigned('localhost', Date.now());
  const server = createServer({ cert: certificate, key }, (socket) => socket.end('hello'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: certificate });
  await once(client, 'secureConnect');
  assert.ok(client.authorized);
  const [said] = await once(client, 'data');
  assert.equal(String(said), 'hello');
  client.destroy();
});

test('it is made once, for its owner alone, and anew where half of it is missing', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-tls-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const first = openCertificate(NONE, directory, 'a.example');
  assert.ok(first.ok);
  assert.equal(statSync(join(directory, 'tls', 'self-signed.key')).mode & 0o777, 0o600);
  assert.deepEqual(openCertificate(NONE, directory, 'a.example'), first);
  rmSync(join(directory, 'tls', 'self-signed.crt'));
  const second = openCertificate(NONE, directory, 'a.example');
  assert.ok(second.ok && second.certificate.key !== first.certificate.key);
  assert.ok(readFileSync(join(directory, 'tls', 'self-signed.crt'), 'utf8').includes('BEGIN CERTIFICATE'));
});

test("the operator's is used, and one that cannot be is said so", (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-tls-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const [a, b] = [makeSelfSigned('a.example', Date.now()), makeSelfSigned('b.example', Date.now())];
  const paths = { certificate: join(directory, 'a.crt'), key: join(directory, 'a.key') };
  writeFileSync(paths.certificate, a.certificate);
  writeFileSync(paths.key, a.key);
  assert.deepEqual(openCertificate(paths, directory, 'x.example'), { ok: true, certificate: a });
  writeFileSync(paths.key, b.key);
  const wrong = openCertificate(paths, directory, 'x.example');
  assert.ok(!wrong.ok && wrong.message.includes('POSTERN_TLS_CERT'));
});
