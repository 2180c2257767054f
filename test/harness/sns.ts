/** Amazon SNS for tests: messages signed with a certificate of our own, and the place where it lies. */
import { createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Fetched, GuardedFetch } from '../../src/base/guarded-fetch.ts';
import { readSnsMessage, signedText } from '../../src/returns/sns.ts';

const FIXTURES = new URL('../fixtures/sns/', import.meta.url);
const key = createPrivateKey(readFileSync(new URL('key.pem', FIXTURES)));
const certificate = readFileSync(new URL('certificate.pem', FIXTURES));

export const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:postern';
export const CERTIFICATE_URL = 'https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a1b2c.pem';

/** Answers for SNS, and keeps what was asked for. */
export function fakeSns(): { fetch: GuardedFetch; fetched: string[]; answer: (url: string) => Fetched } {
  const sns = {
    fetched: [] as string[],
    answer: (url: string): Fetched => {
      const body = url.endsWith('.pem') ? certificate : Buffer.from('<ConfirmSubscriptionResponse/>');
      return { outcome: 'answered', status: 200, body };
    },
    fetch: async (url: URL): Promise<Fetched> => {
      sns.fetched.push(url.href);
      return sns.answer(url.href);
    },
  };
  return sns;
}

/** A message as SNS posts it; what `more` says is signed too, and `after` is not. */
export function snsMessage(
  message: unknown,
  more: Record<string, unknown> = {},
  after: Record<string, unknown> = {},
): Record<string, unknown> {
  const fields: Record<string, unknown> = {
    Type: 'Notification',
    MessageId: crypto.randomUUID(),
    TopicArn: TOPIC,
    Message: typeof message === 'string' ? message : JSON.stringify(message),
    Timestamp: new Date().toISOString(),
    SignatureVersion: '2',
    SigningCertURL: CERTIFICATE_URL,
    Signature: 'none',
    ...more,
  };
  const read = readSnsMessage(fields);
  if (!('problem' in read)) {
    const hash = read.signatureVersion === '1' ? 'RSA-SHA1' : 'RSA-SHA256';
    fields['Signature'] = sign(hash, Buffer.from(signedText(read)), key).toString('base64');
  }
  return { ...fields, ...after };
}
