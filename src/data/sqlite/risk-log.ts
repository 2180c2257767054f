/** What a group did to risk states, packed for the journal: each accepted recipient and each refused one, or a whole state. */
import type { PackReader, PackWriter } from '../../core/pack.ts';
import { type ContentFeatures, SIGNATURE_SLOTS } from '../../policy/risk/features.ts';
import type { RiskRecipient, RiskSend } from '../../policy/risk/glance.ts';

/** What `warn` reads of the score of an accepted send; null where the score is off. */
export type LoggedScore = { score: number; warnAt: number; threshold: number } | null;

export type LoggedStep =
  | {
      kind: 'accepted';
      space: number;
      now: number;
      send: RiskSend;
      recipient: RiskRecipient;
      score: LoggedScore;
    }
  | { kind: 'refused'; space: number; now: number; key: string }
  | { kind: 'state'; space: number; packed: Uint8Array }
  | { kind: 'forgotten'; space: number };

const ACCEPTED = 1;
const REFUSED = 2;
const STATE = 3;
const FORGOTTEN = 4;

export function writeStep(w: PackWriter, step: LoggedStep): void {
  switch (step.kind) {
    case 'accepted':
      w.byte(ACCEPTED);
      w.uint(step.space);
      w.uint(step.now);
      writeAccepted(w, step.send, step.recipient, step.score);
      return;
    case 'refused':
      w.byte(REFUSED);
      w.uint(step.space);
      w.uint(step.now);
      w.text(step.key);
      return;
    case 'state':
      w.byte(STATE);
      w.uint(step.space);
      w.blob(step.packed);
      return;
    case 'forgotten':
      w.byte(FORGOTTEN);
      w.uint(step.space);
  }
}

export function readStep(r: PackReader): LoggedStep {
  const kind = r.byte();
  const space = r.uint();
  if (kind === ACCEPTED) return { kind: 'accepted', space, now: r.uint(), ...readAccepted(r) };
  if (kind === REFUSED) return { kind: 'refused', space, now: r.uint(), key: r.text() };
  if (kind === STATE) return { kind: 'state', space, packed: r.blob() };
  if (kind === FORGOTTEN) return { kind: 'forgotten', space };
  throw new Error(`the journal has a risk step of the kind ${kind}, which this version does not know`);
}

function writeAccepted(w: PackWriter, send: RiskSend, recipient: RiskRecipient, score: LoggedScore): void {
  const { isFirst, isMarketing, content } = send;
  const { key, isKnown, hasConsent, hasReplied } = recipient;
  w.byte(
    bits(isFirst, isKnown, hasConsent, hasReplied, score !== null, content.mismatch, content.isReply, isMarketing),
  );
  w.text(key);
  if (score !== null) {
    w.uint(score.score);
    w.uint(score.warnAt);
    w.uint(score.threshold);
  }
  for (let i = 0; i < SIGNATURE_SLOTS; i += 1) w.byte(content.signature.charCodeAt(i));
  // In the order of NUMBERS, by name: looking them up one by one costs more than writing them.
  w.uint(content.words);
  w.uint(content.numbers);
  w.uint(content.gibberish);
  w.uint(content.phrases);
  w.uint(content.links);
  w.uint(content.deceptive);
  w.uint(content.sender);
  w.uint(content.attached);
  w.uint(content.hosts.length);
  for (const host of content.hosts) w.uint(host);
}

function readAccepted(r: PackReader): { send: RiskSend; recipient: RiskRecipient; score: LoggedScore } {
  const flags = r.byte();
  const has = (bit: number): boolean => ((flags >> bit) & 1) === 1;
  const key = r.text();
  const score = has(4) ? { score: r.uint(), warnAt: r.uint(), threshold: r.uint() } : null;
  let signature = '';
  for (let i = 0; i < SIGNATURE_SLOTS; i += 1) signature += String.fromCharCode(r.byte());
  const numbers = Object.fromEntries(NUMBERS.map((name) => [name, r.uint()])) as Record<Numbered, number>;
  const hosts: number[] = [];
  for (let n = r.uint(); n > 0; n -= 1) hosts.push(r.uint());
  return {
    send: {
      isFirst: has(0),
      isMarketing: has(7),
      content: { ...numbers, signature, hosts, mismatch: has(5), isReply: has(6) },
    },
    recipient: { key, isKnown: has(1), hasConsent: has(2), hasReplied: has(3) },
    score,
  };
}

/** The fields that are plain numbers: the type sees to it that none is left out. */
type Numbered = Exclude<keyof ContentFeatures, 'signature' | 'hosts' | 'mismatch' | 'isReply'>;
const ALL: Record<Numbered, true> = {
  words: true,
  numbers: true,
  gibberish: true,
  phrases: true,
  links: true,
  deceptive: true,
  sender: true,
  attached: true,
};
const NUMBERS = Object.keys(ALL) as Numbered[];

function bits(...flags: boolean[]): number {
  let byte = 0;
  for (let i = 0; i < flags.length; i += 1) if (flags[i]) byte |= 1 << i;
  return byte;
}
