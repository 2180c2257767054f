/** The labelled sample of mails that came back (test/fixtures/bounces), and the knowledge that they are read with. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { classify } from '../../src/relay/classify.ts';
import { replies } from '../../src/relay/replies.ts';
import { classifyReturn, type Inbound, type Knowledge } from '../../src/returns/classify-return.ts';
import { forms } from '../../src/returns/forms.ts';

export const FOLDER = fileURLToPath(new URL('../fixtures/bounces/', import.meta.url));

export type Sample = {
  path: string;
  kind: string;
  form: 'dsn' | 'freeform' | 'arf';
  expected: { recipient?: string; coarse: string; reason: string; hardbounce: boolean; status?: string }[];
};

const table = replies();
export const KNOWLEDGE: Knowledge = { readBounce: (reply, stage) => classify(reply, stage, table), forms: forms() };

export const SAMPLES: readonly Sample[] = readFileSync(`${FOLDER}expected.jsonl`, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Sample);

export function octetsOf(path: string): Buffer {
  return readFileSync(FOLDER + path);
}

export function read(octets: Uint8Array | string): Inbound {
  return classifyReturn(typeof octets === 'string' ? Buffer.from(octets) : octets, KNOWLEDGE);
}

/** The same octets with lines ended by `ending`. */
export function withLineEnds(octets: Uint8Array, ending: string): Buffer {
  const text = Buffer.from(octets).toString('latin1').replaceAll('\r\n', '\n').replaceAll('\r', '\n');
  return Buffer.from(text.replaceAll('\n', ending), 'latin1');
}

/** A report in the standard form with the given fields of one recipient. */
export function report(fields: string, notice = 'Your message could not be delivered.'): string {
  return [
    'From: MAILER-DAEMON@mx.example.net',
    'To: b+token@bounces.sender.example',
    'Subject: Undelivered Mail Returned to Sender',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=delivery-status; boundary="=_1"',
    '',
    '--=_1',
    'Content-Type: text/plain; charset=us-ascii',
    '',
    notice,
    '',
    '--=_1',
    'Content-Type: message/delivery-status',
    '',
    'Reporting-MTA: dns; mx.example.net',
    '',
    fields,
    '',
    '--=_1--',
    '',
  ].join('\r\n');
}
