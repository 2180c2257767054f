/**
 * What Amazon SNS posts to an HTTPS endpoint: reading it, and proving that SNS wrote it (Amazon SNS Developer Guide, "Verifying the
 * signatures of Amazon SNS messages"; signature versions 1, SHA-1, and 2, SHA-256, both over RSA).
 *
 * Invariants: anything else than the fields of SNS is a problem in words; every URL in a message is looked at as text, exactly, before
 * anything parses it, and only `https://sns.<region of the topic>.amazonaws.com/…` is ever one to fetch. Pure.
 *
 * Deliberately absent: fetching, and which topics are believed.
 */
import { type KeyObject, verify } from 'node:crypto';

const SNS_TYPES = ['Notification', 'SubscriptionConfirmation', 'UnsubscribeConfirmation'] as const;
export type SnsType = (typeof SNS_TYPES)[number];

export type SnsMessage = {
  type: SnsType;
  id: string;
  topic: string;
  /** Of the topic, and so the one whose SNS signs for it. */
  region: string;
  message: string;
  subject: string | null;
  /** As it was written, since it is signed as it was written. */
  timestamp: string;
  /** The same in milliseconds. */
  at: number;
  /** Of a confirmation: the address whose visit confirms. */
  subscribeUrl: string | null;
  token: string | null;
  signatureVersion: '1' | '2';
  signature: Buffer;
  certificateUrl: string;
};

/** How old a message may be, and how far ahead of this clock. */
export const MOST_AGE_MS = 60 * 60_000;
export const MOST_AHEAD_MS = 5 * 60_000;

const TOPIC =
  /^arn:aws(?:-[a-z]{2,10}){0,3}:sns:([a-z]{2,4}(?:-[a-z]{2,12}){1,3}-\d{1,2}):\d{12}:[A-Za-z0-9_.-]{1,256}$/;
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z$/;
const CERTIFICATE_PATH = /^\/[A-Za-z0-9_.-]{1,200}\.pem$/;

/** The region of a topic's ARN, or null where the text names no topic. */
export function regionOfTopic(arn: string): string | null {
  return TOPIC.exec(arn)?.[1] ?? null;
}

type Fields = Readonly<Record<string, unknown>>;

/** @param fields the JSON object that was posted. */
export function readSnsMessage(fields: Fields): SnsMessage | { problem: string } {
  const text = (name: string, most: number): string | null => {
    const value = fields[name];
    return typeof value === 'string' && value.length <= most ? value : null;
  };
  const type = SNS_TYPES.find((one) => one === fields['Type']);
  if (type === undefined) return { problem: 'it is no message of SNS: its Type is not known' };
  const topic = text('TopicArn', 400) ?? '';
  const region = regionOfTopic(topic);
  if (region === null) return { problem: 'TopicArn is not the ARN of a topic' };
  const timestamp = text('Timestamp', 40) ?? '';
  const at = TIMESTAMP.test(timestamp) ? Date.parse(timestamp) : Number.NaN;
  if (Number.isNaN(at)) return { problem: 'Timestamp is not a time' };
  const signatureVersion = (['1', '2'] as const).find((one) => one === fields['SignatureVersion']);
  if (signatureVersion === undefined) return { problem: 'SignatureVersion is neither 1 nor 2' };
  const signature = Buffer.from(text('Signature', 2_000) ?? '', 'base64');
  const id = text('MessageId', 200);
  const message = text('Message', Number.POSITIVE_INFINITY);
  const certificateUrl = text('SigningCertURL', 500);
  if (signature.length === 0 || id === null || message === null || certificateUrl === null) {
    return { problem: 'Message, MessageId, Signature or SigningCertURL is missing' };
  }
  const subscribeUrl = text('SubscribeURL', 2_000);
  const token = text('Token', 1_000);
  if (type !== 'Notification' && (subscribeUrl === null || token === null)) {
    return { problem: 'a confirmation has a Token and a SubscribeURL' };
  }
  const subject = 'Subject' in fields && fields['Subject'] !== null ? text('Subject', 1_000) : null;
  const read = { type, id, topic, region, message, subject, timestamp, at, subscribeUrl, token };
  return { ...read, signatureVersion, signature, certificateUrl };
}

/** The octets that are signed: names and values of certain fields, each on a line of its own, in the order of their names. */
export function signedText(message: SnsMessage): string {
  const { type, id, topic, timestamp, subject, subscribeUrl, token } = message;
  const lines: [string, string | null][] =
    type === 'Notification'
      ? [
          ['Message', message.message],
          ['MessageId', id],
          ['Subject', subject],
          ['Timestamp', timestamp],
          ['TopicArn', topic],
          ['Type', type],
        ]
      : [
          ['Message', message.message],
          ['MessageId', id],
          ['SubscribeURL', subscribeUrl],
          ['Timestamp', timestamp],
          ['Token', token],
          ['TopicArn', topic],
          ['Type', type],
        ];
  return lines.flatMap(([name, value]) => (value === null ? [] : [`${name}\n${value}\n`])).join('');
}

export function isSignedBy(message: SnsMessage, key: KeyObject): boolean {
  if (key.asymmetricKeyType !== 'rsa') return false;
  const hash = message.signatureVersion === '1' ? 'RSA-SHA1' : 'RSA-SHA256';
  return verify(hash, Buffer.from(signedText(message)), key, message.signature);
}

/** The address as it may be fetched, or null: SNS of this region over https, no port, nobody's name, nothing encoded in the host. */
function snsUrl(text: string, region: string): URL | null {
  const start = `https://sns.${region}.amazonaws.com/`;
  if (!text.startsWith(start) || /[^\x21-\x7e]|\\/.test(text) || !URL.canParse(text)) return null;
  const url = new URL(text);
  return url.href === text ? url : null;
}

/** Where the signing certificate of a message lies, or null where SNS would not keep it there. */
export function certificateUrl({ certificateUrl: text, region }: SnsMessage): URL | null {
  const url = snsUrl(text, region);
  return url !== null && url.search === '' && url.hash === '' && CERTIFICATE_PATH.test(url.pathname) ? url : null;
}

/** The address that confirms a subscription to the message's own topic, with its own token, and does nothing else; or null. */
export function confirmationUrl({ type, subscribeUrl, topic, token, region }: SnsMessage): URL | null {
  const url = type === 'SubscriptionConfirmation' ? snsUrl(subscribeUrl ?? '', region) : null;
  if (url === null || url.pathname !== '/' || url.hash !== '') return null;
  const given = url.searchParams;
  const isOnly = ['Action', 'TopicArn', 'Token'].every((name) => given.getAll(name).length === 1);
  if (!isOnly || given.get('Action') !== 'ConfirmSubscription') return null;
  return given.get('TopicArn') === topic && given.get('Token') === token ? url : null;
}
