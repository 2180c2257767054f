/**
 * The facts about the sender of a message: whether its From address may be used by who sends, and whether its domain is
 * verified where that is asked for. Null where nothing is amiss, which is nearly always.
 *
 * What a tenant may use is known to its `SenderView`; names are compared there, in one form for A- and U-labels.
 */
import type { Channel } from '../core/channel.ts';
import type { PackReader, PackWriter } from '../core/pack.ts';
import type { Policy } from './document.ts';
import type { Send } from './send.ts';

/** Why a From address may not be used. Numbers are stored: only added at the end. */
export const SENDER_CAUSES = [
  'identity_address',
  'key',
  'suspended_address',
  'another_account',
  'display_name',
] as const;
export type SenderCause = (typeof SENDER_CAUSES)[number];

export const UNVERIFIED_STATES = ['absent', 'pending', 'failing'] as const;
/** `absent`: the tenant never added the domain. `failing`: it was verified, and the grace since is over. */
export type UnverifiedState = (typeof UNVERIFIED_STATES)[number];

export type RefusedSender = {
  cause: SenderCause;
  /** The address that may not be used. */
  address: string;
  /** Addresses that may be used in its place: a few. */
  allowed: readonly string[];
};

export type UnverifiedDomain = {
  /** `dom_…`, or empty where there is none. */
  id: string;
  /** The name that is registered here: the domain of the address, or one above it. */
  name: string;
  state: UnverifiedState;
  /** Names of the required records that were not found, without the domain at their end. */
  missing: readonly string[];
};

export type SenderFacts = { refused: RefusedSender | null; domain: UnverifiedDomain | null };

/** What a space knows of who may send as whom. */
export interface SenderView {
  /** Whether its mail can leave the machine. */
  readonly mailLeaves: boolean;
  /** Null where the From address may be used by the identity and the key. `isDeparture`: what changed since is not held against it. */
  refused(send: Send, isDeparture: boolean): RefusedSender | null;
  /** Null where mail from this domain may go out. */
  unverified(domain: string, now: number): UnverifiedDomain | null;
}

/** Of addresses and records: facts stay small, and what is decided again is decided on as many. */
const MOST_LISTED = 3;

export function lookSender(
  view: SenderView | null | undefined,
  policy: Policy,
  send: Send,
  now: number,
  isDeparture = false,
  channel: Channel = 'email',
): SenderFacts | null {
  const { from } = send;
  if (view == null || from === undefined) return null;
  let refused = view.refused(send, isDeparture);
  let domain: UnverifiedDomain | null = null;
  // Text messages come from no domain.
  if (channel === 'email' && asksForDomain(policy, view.mailLeaves)) {
    domain = view.unverified(from.domain, now);
    if (refused === null && !isDeparture && from.name !== null) refused = refusedName(view, from.name, now);
  }
  if (refused === null && domain === null) return null;
  return {
    refused: refused && { ...refused, allowed: refused.allowed.slice(0, MOST_LISTED) },
    domain: domain && { ...domain, missing: domain.missing.slice(0, MOST_LISTED) },
  };
}

function asksForDomain({ document }: Policy, mailLeaves: boolean): boolean {
  const asked = document.senders.require_verified_domain;
  return asked === 'always' || (asked === 'auto' && mailLeaves);
}

/** A name that shows an address speaks for that address too: many readers see nothing else. */
function refusedName(view: SenderView, name: string, now: number): RefusedSender | null {
  for (const address of addressesIn(name)) {
    const domain = address.slice(address.lastIndexOf('@') + 1).toLowerCase();
    if (view.unverified(domain, now) !== null) return { cause: 'display_name', address, allowed: [] };
  }
  return null;
}

/** Full-width and small forms look like the sign itself. */
const AT_SIGNS = /[@\uff20\ufe6b]/;
const EDGE = /[\s"'()<>,;:[\]]/;

/** What looks like addresses in a name: signs with something before them and a domain with a dot after. Linear. */
export function addressesIn(name: string): string[] {
  if (!AT_SIGNS.test(name)) return [];
  const found: string[] = [];
  let word = '';
  for (const character of `${name} `) {
    if (!EDGE.test(character)) {
      word += AT_SIGNS.test(character) ? '@' : character;
      continue;
    }
    const at = word.lastIndexOf('@');
    const domain = word.slice(at + 1).replace(/\.$/, '');
    if (at > 0 && domain.indexOf('.') > 0) found.push(`${word.slice(0, at)}@${domain}`);
    word = '';
  }
  return found;
}

export function packSender(w: PackWriter, facts: SenderFacts | null): void {
  const { refused = null, domain = null } = facts ?? {};
  w.byte((refused === null ? 0 : 1) | (domain === null ? 0 : 2));
  if (refused !== null) {
    w.byte(SENDER_CAUSES.indexOf(refused.cause));
    w.text(refused.address);
    packTexts(w, refused.allowed);
  }
  if (domain !== null) {
    w.text(domain.id);
    w.text(domain.name);
    w.byte(UNVERIFIED_STATES.indexOf(domain.state));
    packTexts(w, domain.missing);
  }
}

export function unpackSender(r: PackReader): SenderFacts | null {
  const parts = r.byte();
  if (parts === 0) return null;
  const refused =
    (parts & 1) === 0 ? null : { cause: SENDER_CAUSES[r.byte()]!, address: r.text(), allowed: unpackTexts(r) };
  const domain =
    (parts & 2) === 0
      ? null
      : { id: r.text(), name: r.text(), state: UNVERIFIED_STATES[r.byte()]!, missing: unpackTexts(r) };
  return { refused, domain };
}

function packTexts(w: PackWriter, texts: readonly string[]): void {
  w.byte(texts.length);
  for (const text of texts) w.text(text);
}

function unpackTexts(r: PackReader): string[] {
  return Array.from({ length: r.byte() }, () => r.text());
}
