/** What the tests of the SMTP client share: a delivery with defaults, and transports that are closed after the test. */
import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import type { SmtpOptions } from '../../src/relay/smtp/settings.ts';
import { smtpTransport } from '../../src/relay/transports/smtp.ts';
import type { Delivery, Transport } from '../../src/relay/transports/transport.ts';
import { type ScriptedPeer, type Step, scriptedSmtp } from './scripted-smtp.ts';

export const CONTENT = 'From: a@sender.example\r\nTo: b@rcpt.example\r\nSubject: x\r\n\r\nhello\r\n';

export const pem = (name: string): string =>
  readFileSync(new URL(`../fixtures/tls/${name}.pem`, import.meta.url), 'utf8');

export function delivery(change: Partial<Delivery> = {}): Delivery {
  return {
    from: 'a@sender.example',
    to: 'b@rcpt.example',
    content: Buffer.from(CONTENT),
    beforeDot: async () => true,
    ...change,
  };
}

/** Counts the looks before the dot. */
export function counting(answer: boolean): { beforeDot: () => Promise<boolean>; calls: () => number } {
  let calls = 0;
  const beforeDot = async (): Promise<boolean> => {
    calls++;
    return answer;
  };
  return { beforeDot, calls: () => calls };
}

export function transportTo(t: TestContext, port: number, options: Partial<SmtpOptions> = {}): Transport {
  const transport = smtpTransport({ host: '127.0.0.1', port, ehloName: 'gateway.example', ...options });
  t.after(() => transport.close(0));
  return transport;
}

/** A scripted peer that is closed after the test, and must have heard what it waited for. */
export async function peer(t: TestContext, ...scripts: Step[][]): Promise<ScriptedPeer> {
  const scripted = await scriptedSmtp(...scripts);
  t.after(async () => {
    await scripted.close();
    for (const { mismatch } of scripted.connections) if (mismatch !== null) throw new Error(mismatch);
  });
  return scripted;
}
