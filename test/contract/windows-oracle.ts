/** Counts windows by brute force over the departures that a store reports, with none of the code that decides. */
import type { StoredMessage, StoredRecipient } from '../../src/data/store.ts';
import type { LimitDocument } from '../../src/policy/document.ts';

const DAY_SECONDS = 86_400;
const UNIT_SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: DAY_SECONDS };

const ENDED = ['expired', 'cancelled', 'blocked'];

/** Refused at acceptance: it never had a place. */
function wasRefused(message: StoredMessage, { state, closedAt }: StoredRecipient): boolean {
  return state === 'blocked' && closedAt === message.createdAt;
}

function holdsPlace({ state, attempts }: StoredRecipient): boolean {
  return !ENDED.includes(state) || attempts > 0;
}

function scopeOf(limit: LimitDocument, message: StoredMessage, recipient: StoredRecipient): string | null {
  const email = recipient.email.toLowerCase();
  if (limit.scope === 'recipient') return email;
  if (limit.scope === 'recipient_domain') return email.slice(email.indexOf('@') + 1);
  if (limit.scope === 'mailbox' || limit.scope === 'provider') return null;
  return message.scopes[limit.scope];
}

/**
 * Seconds of departure in each scope of a limit. In the unit `message` it is one a message, at the earliest departure that was
 * accepted, for as long as any of them holds its place.
 */
function departures(limit: LimitDocument, messages: readonly (StoredMessage | null)[]): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const message of messages) {
    const sharing = new Map<string, StoredRecipient[]>();
    for (const recipient of message?.recipients ?? []) {
      const scope = scopeOf(limit, message!, recipient);
      if (scope === null || wasRefused(message!, recipient)) continue;
      sharing.set(scope, [...(sharing.get(scope) ?? []), recipient]);
    }
    for (const [scope, accepted] of sharing) {
      const holding = accepted.filter(holdsPlace);
      const departAt = (limit.unit === 'message' ? accepted : holding).map((one) => one.departAt);
      const counted = limit.unit !== 'message' ? departAt : holding.length > 0 ? [Math.min(...departAt)] : [];
      const seconds = counted.map((at) => Math.floor(at / 1000));
      found.set(scope, [...(found.get(scope) ?? []), ...seconds]);
    }
  }
  return found;
}

function windowsOf(limit: LimitDocument, seconds: readonly number[]): number[] {
  const rolling = /^rolling_(\d+)([smhd])$/.exec(limit.window);
  if (rolling !== null) {
    const length = Number(rolling[1]) * UNIT_SECONDS[rolling[2]!]!;
    return seconds.map((end) => seconds.filter((at) => at > end - length && at <= end).length);
  }
  const name = (second: number): string => {
    const text = new Date(second * 1000).toISOString();
    return text.slice(0, limit.window === 'calendar_month' ? 7 : limit.window === 'calendar_day' ? 10 : 13);
  };
  return seconds.map((one) => seconds.filter((at) => name(at) === name(one)).length);
}

/** A sentence for every limit and scope with a window that holds more than its maximum. */
export function overfullWindows(
  limits: readonly LimitDocument[],
  messages: readonly (StoredMessage | null)[],
): string[] {
  const overfull: string[] = [];
  for (const limit of limits.filter(({ window }) => window !== 'rate')) {
    for (const [scope, seconds] of departures(limit, messages)) {
      const most = Math.max(0, ...windowsOf(limit, seconds));
      if (most > limit.max) overfull.push(`${limit.name} of ${scope}: ${most} in one window, ${limit.max} allowed`);
    }
  }
  return overfull;
}
