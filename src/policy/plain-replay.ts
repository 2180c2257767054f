/** Traffic folded over ledgers in memory, one an account, each new on its first line. Pure. */
import type { MessageKind } from '../core/message.ts';
import type { BounceClass } from '../core/reasons.ts';
import { suppressionFor } from '../core/returns.ts';
import { ColdStates } from './cold-states.ts';
import { MemoryCounters } from './counters.ts';
import { decide } from './decide.ts';
import type { Policy } from './document.ts';
import type { AccountFacts, IdentityState } from './facts.ts';
import { joined, type Outcome } from './history.ts';
import { applyChange, type Counted, countDeparture, type LedgerView } from './ledger.ts';
import { look } from './look.ts';
import type { Send } from './send.ts';

export type TrafficAddress = { email: string; key: string; domain: string };

export type TrafficSend = {
  kind: 'send';
  at: number;
  id: string;
  tenant: string;
  from: TrafficAddress;
  to: TrafficAddress[];
  subject: string;
  text: string | null;
  html: string | null;
  kindOfMail: MessageKind;
  identity: string | null;
  agent: string | null;
};

export type TrafficReturn = {
  kind: 'reply' | 'bounce' | 'complaint' | 'unsubscribe' | 'consent';
  at: number;
  tenant: string;
  key: string;
  class: BounceClass | null;
};

export type TrafficLine = TrafficSend | TrafficReturn;

export type ReplayResult = {
  id: string;
  at: number;
  tenant: string;
  verdict: string;
  reasons: string[];
  warnings: string[];
  risk: { score: number; level: string };
};

class Account extends MemoryCounters implements LedgerView {
  readonly account: AccountFacts;
  readonly identityState: IdentityState = 'active';
  identityHandle: string | null = null;
  readonly identityCap = null;
  readonly quarantine = null;
  readonly risk = null;
  readonly areRepliesVisible = true;

  constructor(cold: ColdStates, tenant: string, since: number) {
    super(cold, tenant);
    this.account = {
      standing: 'active',
      standingBy: 'operator',
      standingSince: since,
      trialEndsAt: null,
      credits: null,
      storageUsed: 0,
      storageLimit: null,
      storageFreesAt: null,
    };
  }

  signals(): null {
    return null;
  }

  lease(): null {
    return null;
  }
}

export type Replay = { fold(line: TrafficLine): ReplayResult | null };

export function newReplay(policyOf: (tenant: string) => Policy): Replay {
  const accounts = new Map<string, Account>();
  const cold = new ColdStates();
  return {
    fold(line) {
      let account = accounts.get(line.tenant);
      if (account === undefined) {
        account = new Account(cold, line.tenant, line.at);
        accounts.set(line.tenant, account);
      }
      account.settle();
      if (line.kind !== 'send') {
        learn(account, line);
        return null;
      }
      return decideSend(account, line, policyOf(line.tenant));
    },
  };
}

function learn(account: Account, { kind, at, key, class: bounceClass }: TrafficReturn): void {
  const contact = account.contact(key);
  if (kind === 'reply') contact.lastReplyAt = at;
  if (kind === 'reply' || kind === 'consent') return;
  const reason = suppressionFor(kind, bounceClass ?? 'unknown_user');
  if (reason !== null) contact.suppressions.push({ id: '', reason, domain: false, since: at, expiresAt: null });
}

function decideSend(account: Account, line: TrafficSend, policy: Policy): ReplayResult {
  account.identityHandle = line.identity;
  const { tenant } = line;
  const send: Send = {
    kind: line.kindOfMail,
    onLimit: 'reject',
    sendAt: null,
    scopes: { tenant, app: 'app', installation: 'installation', identity: line.identity, agent: line.agent },
    contentSize: 0,
  };
  const counted: Counted = new Map();
  const outcomes = line.to.map(({ key, domain }): Outcome => {
    const recipient = { key, domain, undeliverable: null, simulated: null };
    const facts = look({ view: account, policy, send, recipient, now: line.at, counted, duplicate: null });
    const verdict = decide(send, recipient, facts, policy);
    if (verdict.verdict === 'accept') {
      for (const change of countDeparture(account, policy, send, recipient, line.at, line.at, counted)) {
        applyChange(change, Math.floor(line.at / 1000));
      }
    }
    return {
      verdict: verdict.verdict,
      reasons: verdict.reasons.map(({ code }) => code),
      warnings: verdict.warnings.map(({ code }) => code),
    };
  });
  const { verdict, reasons, warnings } = joined(outcomes);
  const risk = { score: 0, level: 'normal' };
  return { id: line.id, at: line.at, tenant, verdict, reasons, warnings, risk };
}
