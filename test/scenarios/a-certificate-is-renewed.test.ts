import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { type Certificate, makeSelfSigned } from '../../src/base/self-signed.ts';
import { startTestGateway } from '../harness/gateway.ts';
import { smtpTalk } from '../harness/smtp-talk.ts';

async function shownBy(socket: TLSSocket): Promise<string> {
  await once(socket, 'secureConnect');
  const { raw } = socket.getPeerCertificate();
  socket.destroy();
  return new X509Certificate(raw).subject;
}

/** The certificates that HTTP, submission and the listener for returns show. */
async function shown(listening: { http: string; smtp: string | null; inbound: string | null }): Promise<string[]> {
  const portOf = (address: string): number => Number(address.split(':').at(-1));
  const found = [await shownBy(connect({ port: portOf(listening.http), rejectUnauthorized: false }))];
  for (const address of [listening.smtp!, listening.inbound!]) {
    const talk = await smtpTalk(portOf(address));
    await talk.say('EHLO a.example');
    await talk.say('STARTTLS');
    talk.socket.removeAllListeners('data');
    found.push(await shownBy(connect({ socket: talk.socket, rejectUnauthorized: false })));
  }
  return found;
}

test('a certificate is read anew without a stop, and one that cannot be used is named and changes nothing', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-tls-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const paths = { POSTERN_TLS_CERT: join(folder, 'cert.pem'), POSTERN_TLS_KEY: join(folder, 'key.pem') };
  const write = ({ certificate, key }: Certificate): void => {
    writeFileSync(paths.POSTERN_TLS_CERT, certificate);
    writeFileSync(paths.POSTERN_TLS_KEY, key);
  };
  const [first, second] = ['first.example', 'second.example'].map((name) => makeSelfSigned(name, Date.now()));
  const ports = { POSTERN_SMTP_PORT: '0', POSTERN_INBOUND_PORT: '0', POSTERN_LOG: 'silent' };
  write({ certificate: first!.certificate, key: second!.key });
  await assert.rejects(
    startTestGateway({ ...paths, ...ports }),
    /POSTERN_TLS_CERT and POSTERN_TLS_KEY cannot be used: .*key values mismatch/,
  );
  write(first!);
  const { gateway, stop } = await startTestGateway({ ...paths, ...ports });
  t.after(stop);
  const of = (name: string): string[] => Array.from({ length: 3 }, () => `CN=${name}`);
  assert.deepEqual(await shown(gateway.listening), of('first.example'));
  write({ certificate: 'no certificate', key: second!.key });
  gateway.renewCertificate();
  assert.deepEqual(await shown(gateway.listening), of('first.example'));
  write(second!);
  gateway.renewCertificate();
  assert.deepEqual(await shown(gateway.listening), of('second.example'));
});
