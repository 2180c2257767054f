/**
 * What one send would change in the counters of an account: the common ground of scoring a send before it is decided and of
 * counting it after it was accepted, so that both see the same.
 */
import type { ContentFeatures } from './features.ts';
import { SIGNATURE_SLOTS } from './features.ts';
import { domainOf, hashOf, hostHash } from './hash.ts';
import { AT, DAY_MS, ONE, OWN_GROUP, type RiskState, type Shape, TARGET_GROUP, type Target } from './state.ts';

/** What the ledger knows of the person written to. */
export type RiskRecipient = {
  key: string;
  /** Was written to before. */
  isKnown: boolean;
  hasConsent: boolean;
  /** Has ever answered. */
  hasReplied: boolean;
};

export type RiskSend = {
  content: ContentFeatures;
  /** Declared to be marketing mail. */
  isMarketing: boolean;
  /** The first recipient of its message that counts. */
  isFirst: boolean;
};

/** What is seen of a send; `delta` is what it adds to the counters, in thousandths. Valid until the next glance. */
export type Glance = {
  delta: Float64Array;
  /** Hash of the person written to. */
  key: number;
  target: Target | null;
  /** Unanswered sends to this person with this one, as a target holds them. */
  repeats: number;
  same: number;
  short: number;
  own: number;
  shape: Shape | null;
};

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1440;
/** A wording counts as near-identical to one of the last day. */
const RECENT_MINUTES = DAY_MINUTES;
/** Share of slots, in percent, from which two contents are near-identical. */
const NEAR_PERCENT = 25;
/** Below so many the copies differ by more than a name: words were thrown in. */
const STIRRED_PERCENT = 65;
/** What a link to one unusual host counts. */
const PLAIN_LINK = 0.4 * ONE;
const GARBLED = 400;
/** The first so many points of phrases count nothing: anybody may write one that goes with fraud too. */
const ORDINARY_PHRASES = 150;
/** More than one strong phrase alone. */
const SUSPICIOUS = 400;
/** The same where it is declared to be marketing. */
const PROMOTIONAL = 300;
const FEW_WORDS = 5;
const SHORT_WORDS = 24;
/** Pages, archives and unknown kinds of attachments. */
const ODD_ATTACHMENTS = 4 | 8 | 16;

/** What the last glance was of: what is decided on is counted right after, and the state is the same until then. */
let last: { state: RiskState; send: RiskSend; recipient: RiskRecipient; now: number } | null = null;

/** To be called before a state is changed. */
export function forgetGlance(): void {
  last = null;
}

function isLast(state: RiskState, send: RiskSend, recipient: RiskRecipient, now: number): boolean {
  if (last === null || last.state !== state || last.now !== now) return false;
  const { send: seen, recipient: person } = last;
  return (
    (seen === send ||
      (seen.content === send.content && seen.isMarketing === send.isMarketing && seen.isFirst === send.isFirst)) &&
    person.key === recipient.key &&
    person.isKnown === recipient.isKnown &&
    person.hasConsent === recipient.hasConsent &&
    person.hasReplied === recipient.hasReplied
  );
}

/** Reused: a glance is taken and used before the next. */
const delta = new Float64Array(Object.keys(AT).length);
const reused: Glance = { delta, key: 0, target: null, repeats: 0, same: 0, short: 0, own: 0, shape: null };

export function glance(
  state: RiskState,
  left: Float64Array,
  send: RiskSend,
  recipient: RiskRecipient,
  now: number,
): Glance {
  if (isLast(state, send, recipient, now)) return reused;
  last = { state, send, recipient, now };
  const { content } = send;
  const key = hashOf(recipient.key);
  const target = targetOf(state, key);
  const hour = left[TARGET_GROUP]!;
  const before = target === null ? 0 : Math.floor(target.count * hour);
  const shape = nearest(state, content.signature);
  const minute = Math.floor(now / MINUTE_MS);
  // The first recipient of a message has entered its shape already: for the others an earlier message makes it similar.
  const isSimilar = shape !== null && (send.isFirst ? minute - shape.last <= RECENT_MINUTES : shape.count > 1);
  const isFamiliar = recipient.hasConsent || recipient.hasReplied || content.isReply;
  const isStranger = !isFamiliar && !recipient.isKnown;
  const isForeign = !isFamiliar && leadsAway(state, content, now);
  const phrases = isFamiliar ? 0 : !send.isMarketing && leadsHome(content) ? content.phrases >> 1 : content.phrases;
  // Machines report with numbers or links; who writes to a person in anger repeats plain words.
  const marked = Math.max(0, phrases - ORDINARY_PHRASES);
  const isStirred = isSimilar && likeness(shape.signature, content.signature) < STIRRED_PERCENT;
  const isPersonal = content.numbers === 0 && content.links === 0;
  const isRepeat = before >= ONE / 2;
  delta.fill(0);
  delta[AT.sendsQuarter] = ONE;
  delta[AT.sendsHour] = ONE;
  delta[AT.sendsDay] = ONE;
  delta[AT.sendsMonth] = ONE;
  if (Math.floor(now / DAY_MS) > state.lastDay) delta[AT.activeDaysMonth] = ONE;
  if (isFamiliar) {
    delta[AT.familiarDay] = ONE;
    delta[AT.familiarHour] = ONE;
  }
  if (isStranger) delta[AT.strangersDay] = ONE;
  if (isSimilar) delta[AT.similarDay] = ONE;
  if (content.gibberish >= GARBLED) delta[AT.gibberishHour] = ONE;
  const isChanging = isForeign && state.hosts.length > 0 && bringsHost(state, content);
  // One unusual host under a wording that stays the same is what an invitation has.
  const isEvasive = isChanging || isStirred || marked > 0;
  if (isForeign) {
    delta[AT.foreignLinksDay] = isEvasive ? ONE : PLAIN_LINK;
    delta[AT.foreignLinksHour] = isEvasive ? ONE : PLAIN_LINK;
  }
  if (isChanging) {
    delta[AT.changingHostsDay] = ONE;
    delta[AT.changingHostsHour] = ONE;
  }
  if (content.words < FEW_WORDS && content.numbers === 0 && isStranger) delta[AT.emptyDay] = ONE;
  delta[AT.phrasesDay] = marked;
  delta[AT.phrasesHour] = marked;
  if (content.mismatch) delta[AT.mismatchDay] = ONE;
  if (content.deceptive > 0) delta[AT.deceptiveDay] = ONE;
  if ((content.attached & ODD_ATTACHMENTS) !== 0) {
    delta[AT.attachmentsDay] = ONE;
    delta[AT.attachmentsMonth] = ONE;
  }
  if (isStranger && isSimilar) {
    const praised =
      phrases >= (send.isMarketing ? PROMOTIONAL : SUSPICIOUS)
        ? Math.min(2 * ONE, Math.floor((phrases * ONE) / SUSPICIOUS))
        : 0;
    delta[AT.bulkHour] =
      praised + (isChanging || (isForeign && isStirred) ? ONE : isForeign && isEvasive ? ONE / 2 : 0);
    // Over a day, ordinary mail with a link elsewhere comes to as many.
    delta[AT.bulkDay] = praised;
  }
  if (isStranger && (shape === null || minute - shape.first < DAY_MINUTES)) delta[AT.novelHour] = ONE;
  reused.key = key;
  reused.target = target;
  reused.repeats = before + ONE;
  reused.same = (target === null ? 0 : Math.floor(target.same * hour)) + (isSimilar && isRepeat ? ONE : 0);
  reused.short =
    (target === null ? 0 : Math.floor(target.short * hour)) + (content.words < SHORT_WORDS && isRepeat ? ONE : 0);
  reused.own =
    (target === null ? 0 : Math.floor(target.own * left[OWN_GROUP]!)) +
    ((isSimilar && !isPersonal) || isFamiliar || isOwnDomain(content, recipient) ? 0 : ONE);
  reused.shape = shape;
  return reused;
}

/** Mail to oneself, from a form or a machine, harasses nobody. */
function isOwnDomain(content: ContentFeatures, recipient: RiskRecipient): boolean {
  return content.sender !== 0 && hostHash(domainOf(recipient.key)) === content.sender;
}

function targetOf(state: RiskState, key: number): Target | null {
  for (const target of state.targets) if (target.key === key) return target;
  return null;
}

/** The remembered shape that a signature is near to, the nearest first; null where none is. */
function nearest(state: RiskState, signature: string): Shape | null {
  let found: Shape | null = null;
  let best = NEAR_PERCENT - 1;
  for (const shape of state.shapes) if (shape.signature === signature) return shape;
  for (let i = 0; i < SIGNATURE_SLOTS; i += 1) slots[i] = signature.charCodeAt(i);
  for (const shape of state.shapes) {
    const near = likenessToSlots(shape.signature);
    if (near > best) {
      best = near;
      found = shape;
    }
  }
  return found;
}

/** Share of the slots used by either signature that are equal in both, in percent. Two empty ones are alike. */
export function likeness(one: string, other: string): number {
  for (let i = 0; i < SIGNATURE_SLOTS; i += 1) slots[i] = other.charCodeAt(i);
  return likenessToSlots(one);
}

/** Reused: a signature that others are compared with, one after another. */
const slots = new Float64Array(SIGNATURE_SLOTS);

function likenessToSlots(signature: string): number {
  let used = 0;
  let same = 0;
  for (let i = 0; i < SIGNATURE_SLOTS; i += 1) {
    const a = signature.charCodeAt(i);
    const b = slots[i]!;
    if (a === 0 && b === 0) continue;
    used += 1;
    if (a === b) same += 1;
  }
  return used === 0 ? 100 : Math.floor((same * 100) / used);
}

/** Whether a link leads to a host that the account never used. */
function bringsHost(state: RiskState, content: ContentFeatures): boolean {
  return content.hosts.some((host) => host !== content.sender && !state.hosts.some((one) => one.host === host));
}

/** Whether all its links lead to the sender's own domain: who can be found there says "confirm your address" in good faith, mostly. */
function leadsHome(content: ContentFeatures): boolean {
  return content.links > 0 && content.hosts.every((host) => host === content.sender);
}

const USUAL_SENDS = 5;

/** Whether a link leads to a host that is neither the sender's nor usual for the account. */
function leadsAway(state: RiskState, content: ContentFeatures, now: number): boolean {
  const today = Math.floor(now / DAY_MS);
  for (const host of content.hosts) {
    if (host === content.sender) continue;
    const known = state.hosts.find((one) => one.host === host);
    if (known === undefined || known.count < USUAL_SENDS || known.first >= today) return true;
  }
  return false;
}
