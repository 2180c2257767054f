/**
 * A plain ledger of one tenant, in memory, with the same pure functions as the stores and nothing else: what a store must agree
 * with. It also keeps the queue, as far as departures change counters.
 */

import type { AccountFacts, IdentityState } from '../../src/policy/account.ts';
import { decide } from '../../src/policy/decide.ts';
import { type CounterScope, type Policy, withIdentityCap } from '../../src/policy/document.ts';
import type { Facts } from '../../src/policy/facts.ts';
import type { QuarantineStanding } from '../../src/policy/facts-quarantine.ts';
import {
  applyChange,
  type Change,
  type ContactState,
  type Counted,
  countDeparture,
  countRates,
  emptyContact,
  giveBack,
  type LeaseState,
  type ScopeState,
  type Signal,
} from '../../src/policy/ledger.ts';
import type { LedgerView } from '../../src/policy/ledger-view.ts';
import { look } from '../../src/policy/look.ts';
import { ratesFreeAt } from '../../src/policy/place.ts';
import { adapted, adaptingIn } from '../../src/policy/probation.ts';
import type { RiskState } from '../../src/policy/risk/state.ts';
import type { Send, SendRecipient } from '../../src/policy/send.ts';
import { spend } from '../../src/policy/spread.ts';
import type { Verdict } from '../../src/policy/verdict.ts';
import type { PoolSight } from '../../src/policy/ways.ts';

/** Nothing is ever forgotten here, so that forgetting in a store shows where it changes an answer. */
const FOR_EVER_SECONDS = 1e9;

export type PlainMessage = {
  send: Send;
  policy: Policy;
  createdAt: number;
  expiresAt: number;
  recipients: PlainRecipient[];
  /** Where and when it counts in the unit `message`. */
  counted: Counted;
};

export type PlainRecipient = {
  recipient: SendRecipient;
  departAt: number;
  message: PlainMessage;
  due: number | null;
  attempts: number;
  state: 'waiting' | 'sending' | 'left' | 'blocked' | 'expired' | 'cancelled';
};

const ENDED: ReadonlySet<PlainRecipient['state']> = new Set(['blocked', 'expired', 'cancelled']);

export type Decision = { facts: Facts; verdict: Verdict };

export class PlainLedger implements LedgerView {
  account: AccountFacts;
  identityState: IdentityState | null = null;
  identityHandle: string | null = null;
  identityCap: number | null = null;
  risk: RiskState | null = null;
  quarantine: QuarantineStanding = null;
  readonly queue: PlainRecipient[] = [];
  areRepliesVisible = true;
  readonly leases = new Map<string, LeaseState>();
  /** Set where the tenant has a pool, for the one identity that sends. */
  sight: PoolSight | null = null;
  private readonly pins = new Map<string, number>();
  private readonly scopes = new Map<string, ContactState>();
  private readonly contacts = new Map<string, ContactState>();
  private readonly domains = new Map<string, ContactState>();

  constructor(account: AccountFacts) {
    this.account = account;
  }

  scope(kind: CounterScope, id: string): ScopeState {
    return stateIn(this.scopes, `${kind} ${id}`);
  }

  contact(key: string): ContactState {
    return stateIn(this.contacts, key);
  }

  domain(domain: string): ContactState {
    return stateIn(this.domains, domain);
  }

  signals(signal: Signal): ScopeState {
    return stateIn(this.scopes, `signal ${signal}`);
  }

  lease(contact: string): LeaseState | null {
    return this.leases.get(contact) ?? null;
  }

  pin(contact: string): number | null {
    return this.pins.get(contact) ?? null;
  }

  /** The recipient as it counts on the way that was chosen, which moves the spread on and pins the contact. */
  private onItsWay(recipient: SendRecipient, facts: Facts): SendRecipient {
    const chosen = facts.pool?.routing?.chosen ?? null;
    if (chosen === null || this.sight === null) return recipient;
    const { provider, mailbox, replaces } = chosen;
    spend(this.sight.spread, this.sight.ways.find((way) => way.provider.no === provider)!.provider);
    if (mailbox !== null && (replaces !== null || !this.pins.has(recipient.key))) this.pins.set(recipient.key, mailbox);
    return { ...recipient, route: { provider, mailbox, at: null } };
  }

  /** Decides on a message, counts it, and queues what was accepted. */
  admit(send: Send, recipients: readonly SendRecipient[], policy: Policy, now: number, expiresAt: number): Decision[] {
    const counted: Counted = new Map();
    const message: PlainMessage = { send, policy, createdAt: now, expiresAt, recipients: [], counted };
    let rest = send;
    return recipients.map((recipient) => {
      const facts = look({ view: this, policy, send: rest, recipient, now, counted, duplicate: null });
      const verdict = decide(rest, recipient, facts, policy);
      if (verdict.verdict !== 'block') {
        const capped = adapted(policy, adaptingIn(facts));
        const routed = this.onItsWay(recipient, facts);
        this.change(countDeparture(this, capped, rest, routed, verdict.departAt, now, counted), now);
        this.spend(rest.contentSize);
        rest = { ...rest, contentSize: 0 };
        const { departAt } = verdict;
        const queued = { recipient: routed, departAt, due: departAt, attempts: 0, message };
        message.recipients.push({ ...queued, state: 'waiting' });
        this.queue.push(message.recipients.at(-1)!);
      }
      return { facts, verdict };
    });
  }

  /** The recipient that is due first, in order of due time and then of arrival. */
  nextDue(now: number): PlainRecipient | null {
    let found: PlainRecipient | null = null;
    for (const one of this.queue) {
      if (one.due !== null && one.due <= now && (found === null || one.due < found.due!)) found = one;
    }
    return found;
  }

  /** What a claim makes of it: true when it is handed out. */
  claim(one: PlainRecipient, policy: Policy, now: number): boolean {
    const { message } = one;
    if (message.expiresAt <= now) {
      this.end(one, 'expired', now);
      return false;
    }
    const contact = this.contact(one.recipient.key);
    if (contact.suppressions.length > 0) {
      this.end(one, 'blocked', now);
      return false;
    }
    if (one.attempts === 0 && one.departAt > message.createdAt && !this.takeRate(one, policy, now)) return false;
    one.attempts += 1;
    one.state = 'sending';
    one.due = null;
    return true;
  }

  /** Ends one that will not leave; what never left gives its places and its credit back, and the last one its message's. */
  end(one: PlainRecipient, state: 'blocked' | 'expired' | 'cancelled', now: number): void {
    one.state = state;
    one.due = null;
    if (one.attempts > 0) return;
    const { send, policy, recipients, counted } = one.message;
    const capped = withIdentityCap(policy, this.identityCap);
    this.change(giveBack(this, capped, send, one.recipient, one.departAt, false), now);
    if (this.account.credits !== null) this.account = { ...this.account, credits: this.account.credits + 1 };
    if (recipients.some(({ state: other, attempts }) => attempts > 0 || !ENDED.has(other))) return;
    for (const [counter, second] of counted) {
      this.change([{ kind: 'units', state: counter, unit: 'message', second, units: -1, horizonSeconds: 0 }], now);
    }
  }

  suppress(key: string, now: number): void {
    this.contact(key).suppressions = [{ id: 'sup', reason: 'hard_bounce', domain: false, since: now, expiresAt: null }];
  }

  private takeRate(one: PlainRecipient, policy: Policy, now: number): boolean {
    const send = { ...one.message.send, sendAt: null };
    const freeAt = ratesFreeAt(this, policy, send, one.recipient, now);
    if (freeAt > now) {
      one.due = freeAt;
      return false;
    }
    this.change(countRates(this, policy, send, one.recipient, now, new Map()), now);
    return true;
  }

  private spend(contentSize: number): void {
    const { credits, storageUsed } = this.account;
    this.account = {
      ...this.account,
      credits: credits === null ? null : credits - 1,
      storageUsed: storageUsed + contentSize,
    };
  }

  private change(changes: readonly Change[], now: number): void {
    for (const change of changes) {
      const kept = change.kind === 'units' ? { ...change, horizonSeconds: FOR_EVER_SECONDS } : change;
      applyChange(kept, Math.floor(now / 1000));
    }
  }
}

function stateIn(states: Map<string, ContactState>, key: string): ContactState {
  let state = states.get(key);
  if (state === undefined) {
    state = emptyContact();
    states.set(key, state);
  }
  return state;
}
