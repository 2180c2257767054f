/**
 * A self-signed certificate, written out in DER (ITU-T X.690), since `node:crypto` reads X.509 (RFC 5280) and does not make it. It is for
 * opportunistic encryption between mail servers (RFC 7435): nobody can check whose it is, and without it nothing would be encrypted.
 *
 * Deliberately absent: everything but one name, one key (P-256) and one signature (ECDSA with SHA-256, RFC 5758 §3.2).
 */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const UTF8_STRING = 0x0c;
const GENERALIZED_TIME = 0x18;
const BOOLEAN = 0x01;

/** Object identifiers, as they are encoded. */
const COMMON_NAME = Buffer.from('0603550403', 'hex');
const ECDSA_SHA256 = Buffer.from('06082a8648ce3d040302', 'hex');
const SUBJECT_ALT_NAME = Buffer.from('0603551d11', 'hex');
const BASIC_CONSTRAINTS = Buffer.from('0603551d13', 'hex');
const DNS_NAME = 0x82;
const TRUE = Buffer.from([0xff]);

const DAY_MS = 86_400_000;
const VALID_MS = 20 * 365 * DAY_MS;

export type Certificate = { certificate: string; key: string };

/** PEM of a new key and of its certificate for a host name, valid for twenty years from a day ago. */
export function makeSelfSigned(host: string, now: number): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8_STRING, Buffer.from(host)))));
  const algorithm = der(SEQUENCE, ECDSA_SHA256);
  const body = der(
    SEQUENCE,
    der(0xa0, der(INTEGER, Buffer.from([2]))),
    der(INTEGER, serialNumber()),
    algorithm,
    name,
    der(SEQUENCE, time(now - DAY_MS), time(now + VALID_MS)),
    name,
    publicKey.export({ format: 'der', type: 'spki' }),
    der(0xa3, der(SEQUENCE, ...extensions(host))),
  );
  const signature = sign('sha256', body, privateKey);
  const certificate = der(SEQUENCE, body, algorithm, der(BIT_STRING, Buffer.from([0]), signature));
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${lines(certificate)}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
  };
}

function extensions(host: string): Buffer[] {
  const constraints = der(SEQUENCE, BASIC_CONSTRAINTS, der(BOOLEAN, TRUE), der(OCTET_STRING, der(SEQUENCE)));
  const names = der(SEQUENCE, SUBJECT_ALT_NAME, der(OCTET_STRING, der(SEQUENCE, der(DNS_NAME, Buffer.from(host)))));
  return [constraints, names];
}

/** Positive, and not zero (RFC 5280 §4.1.2.2). */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes;
}

/** UTCTime before 2050, GeneralizedTime from then on (RFC 5280 §4.1.2.5). */
function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  const isShort = new Date(ms).getUTCFullYear() < 2050;
  return isShort ? der(0x17, Buffer.from(text.slice(2))) : der(GENERALIZED_TIME, Buffer.from(text));
}

function der(tag: number, ...contents: Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), length(content.length), content]);
}

function length(octets: number): Buffer {
  if (octets < 128) return Buffer.from([octets]);
  const bytes: number[] = [];
  for (let left = octets; left > 0; left = Math.floor(left / 256)) bytes.unshift(left % 256);
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}

function lines(bytes: Buffer): string {
  return bytes
    .toString('base64')
    .match(/.{1,64}/g)!
    .join('\n');
}
