/**
 * Likeness of accounts: one abuser behind many new accounts sends the same wording through all of them. Found off the accept path,
 * from the shapes of content that the risk states remember, in bounded time; what comes of it is a share for each account, and
 * neither content nor whose it is.
 *
 * Wording that a well-known account uses too is a common template and says nothing. Only live mode is looked at.
 */
import type { DatabaseSync } from 'node:sqlite';
import { SIGNATURE_SLOTS } from '../../policy/risk/features.ts';
import { likeness } from '../../policy/risk/glance.ts';
import { unpackRisk } from '../../policy/risk/state.ts';
import type { AlikeAccount } from '../port/quarantine.ts';
import { prepared } from './database.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Accounts looked at: those that sent last. */
const MOST_ACCOUNTS = 2000;
/** An account is new for so long: older ones are known by what they did. */
const NEW_MS = 30 * DAY_MS;
/** Other new accounts with the same wording from which on it is no chance; one is enough that is in quarantine. */
const LEAST_OTHERS = 3;
/** Share of slots, in percent, from which two wordings are the same. */
const SAME_PERCENT = 50;
/** Fewer words than fill so many slots are alike by chance. */
const LEAST_SLOTS = 12;
/** Neighbouring slots that two wordings must share to be compared at all. */
const BAND = 2;
/** Wordings in one bucket that are compared with each other. */
const MOST_IN_BUCKET = 64;
/** Pairs compared in all. */
const MOST_PAIRS = 400_000;
const EMPTY = '\0'.repeat(BAND);

type Account = { space: number; tenant: number; isNew: boolean; isStopped: boolean };
type Wording = {
  account: Account;
  signature: string;
  count: number;
  others: Set<number>;
  isCommon: boolean;
  isStopped: boolean;
};
type Row = { space: number; state: Uint8Array; trust: string; created_at: number; stopped: number };

/** How much of each new account's recent traffic is worded like that of others, in percent; only those with some. */
export function alikeAccounts(db: DatabaseSync, { now }: { now: number }): AlikeAccount[] {
  const rows = prepared(
    db,
    `SELECT r.space, r.state, t.trust, t.created_at,
       EXISTS (SELECT 1 FROM quarantine q WHERE q.space = r.space AND q.state IN ('active', 'under_review', 'upheld')) AS stopped
     FROM risk r JOIN tenant t ON t.no = r.space / 2 WHERE r.space % 2 = 0 AND r.at > ? ORDER BY r.at DESC LIMIT ?`,
  ).all(now - DAY_MS, MOST_ACCOUNTS) as unknown as Row[];
  const wordings = rows.flatMap((row) => wordingsOf(row, now));
  let pairs = 0;
  for (const bucket of bucketsOf(wordings).values()) {
    if (pairs < MOST_PAIRS) pairs += compare(bucket.slice(0, MOST_IN_BUCKET));
  }
  return sharesOf(wordings);
}

function wordingsOf(row: Row, now: number): Wording[] {
  const isNew = row.trust !== 'established' && now - row.created_at < NEW_MS;
  const account: Account = { space: row.space, tenant: row.space / 2, isNew, isStopped: row.stopped === 1 };
  const since = (now - DAY_MS) / 60_000;
  return unpackRisk(row.state)
    .shapes.filter(({ last, signature }) => last >= since && slotsIn(signature) >= LEAST_SLOTS)
    .map(({ signature, count }) => ({
      account,
      signature,
      count,
      others: new Set<number>(),
      isCommon: !isNew,
      isStopped: false,
    }));
}

function slotsIn(signature: string): number {
  let used = 0;
  for (let i = 0; i < SIGNATURE_SLOTS; i += 1) if (signature.charCodeAt(i) !== 0) used += 1;
  return used;
}

/** Wordings that share a band of slots: those that are the same share one almost always, others hardly ever. */
function bucketsOf(wordings: readonly Wording[]): Map<string, Wording[]> {
  const buckets = new Map<string, Wording[]>();
  for (const wording of wordings) {
    for (let at = 0; at < SIGNATURE_SLOTS; at += BAND) {
      const band = wording.signature.slice(at, at + BAND);
      if (band === EMPTY) continue;
      const name = `${at} ${band}`;
      const bucket = buckets.get(name);
      if (bucket === undefined) buckets.set(name, [wording]);
      else bucket.push(wording);
    }
  }
  return buckets;
}

/** Answers with how many pairs it compared. */
function compare(bucket: readonly Wording[]): number {
  for (const [i, one] of bucket.entries()) {
    for (const other of bucket.slice(i + 1)) {
      if (one.account.tenant === other.account.tenant) continue;
      if (likeness(one.signature, other.signature) < SAME_PERCENT) continue;
      note(one, other.account);
      note(other, one.account);
    }
  }
  return (bucket.length * (bucket.length - 1)) / 2;
}

function note(wording: Wording, account: Account): void {
  wording.others.add(account.tenant);
  wording.isCommon ||= !account.isNew;
  wording.isStopped ||= account.isStopped;
}

function sharesOf(wordings: readonly Wording[]): AlikeAccount[] {
  const counts = new Map<number, { alike: number; all: number }>();
  for (const { account, count, others, isCommon, isStopped } of wordings) {
    const sum = counts.get(account.space) ?? { alike: 0, all: 0 };
    counts.set(account.space, sum);
    sum.all += count;
    if (!isCommon && (isStopped || others.size >= LEAST_OTHERS)) sum.alike += count;
  }
  return [...counts]
    .filter(([, { alike }]) => alike > 0)
    .map(([space, { alike, all }]) => ({ space, percent: Math.floor((alike * 100) / all) }));
}
