/** A stored message as answers show it: as it stands now, and all that happened to it. */
import { type DecidedReason, explainReason, explainWarning } from '../core/explain.ts';
import type { Clearer } from '../core/reasons.ts';
import { messageStatus, type RecipientState } from '../core/states.ts';
import { formatTime } from '../core/time.ts';
import type { MessageTimeline } from '../data/port/messages.ts';
import type { Waits } from '../data/port/waits.ts';
import type { EventRow, StoredMessage, StoredRecipient } from '../data/store.ts';
import { eventBody } from '../http/event-body.ts';
import { limitBody } from '../http/limit-state.ts';
import type { Texts } from '../http/problems.ts';
import type { Policy } from '../policy/document.ts';
import type { DecidedWarning } from '../policy/verdict.ts';
import { type Headroom, headroomOf, messageWarnings, retryAtOf } from './outcome.ts';

const timeOrNull = (ms: number | null): string | null => (ms === null ? null : formatTime(ms));

type Meta = {
  tags?: string[];
  metadata?: [key: string, value: string][];
  thread_id?: string | null;
  purpose?: string | null;
  dedupe_key?: string | null;
  template?: { id: string; slug: string; version: number };
};

/** States that a decision explains; in all others the events tell more. */
const DECIDED: ReadonlySet<RecipientState> = new Set(['scheduled', 'held', 'blocked']);
/** States in which the row's due time is that of the next attempt. */
const WAITING: ReadonlySet<RecipientState> = new Set(['accepted', 'scheduled', 'deferred', 'uncertain']);

function recipientBody(one: StoredRecipient, texts: Texts): Record<string, unknown> {
  const { state } = one;
  const decision = one.later ?? one.verdict;
  const waits = WAITING.has(state) ? waitReasons(one) : [];
  const decided = DECIDED.has(state) ? decision.reasons : [];
  // What it waits for now stands for the slot that it had.
  const reasons =
    waits.length === 0 ? decided : [...waits, ...decided.filter(({ code }) => code !== 'waiting_for_slot')];
  return {
    id: one.id,
    email: one.email,
    name: one.name,
    kind: one.kind,
    status: state,
    scheduled_at: state === 'scheduled' ? formatTime(one.departAt) : null,
    next_attempt_at: WAITING.has(state) ? timeOrNull(one.nextAttemptAt) : null,
    attempts: one.attempts,
    possible_duplicate: one.possibleDuplicate,
    closed_at: timeOrNull(one.closedAt),
    route: one.route,
    reasons: reasons.map((reason) => explainReason(reason as DecidedReason, texts)),
    warnings: decision.warnings.map((warning) => explainWarning(warning as DecidedWarning, texts)),
  };
}

/** What somebody can do something about; all else ends by time alone. */
const CLEARED_BY: Partial<Record<Waits['for'], readonly Clearer[]>> = {
  paused: ['tenant'],
  provider: ['tenant'],
  health: ['time', 'tenant'],
  repair: ['time', 'tenant'],
  route: ['time', 'tenant'],
};

/** What one that is accepted waits for beside its slot. */
function waitReasons({ waits }: StoredRecipient): DecidedReason[] {
  if (waits === null) return [];
  const { for: cause, until, ...more } = waits;
  const evidence = { cause, departs_at: until, ...more };
  const clearsBy = CLEARED_BY[cause];
  // It is looked at again then, and waits on where nobody has done anything.
  const clearsAt = clearsBy?.includes('time') === false ? null : until;
  return [{ code: 'waiting_for_slot', scope: null, clearsAt, clearsBy, evidence }];
}

/** The sender as it may be written in a send: `Alice <alice@acme.example>`. */
function senderText({ email, name }: StoredMessage['from']): string {
  if (name === null || name === '') return email;
  const written = /[",.:;<>()@[\\\]]/.test(name) ? `"${name.replaceAll(/["\\]/g, '\\$&')}"` : name;
  return `${written} <${email}>`;
}

/** The conversation that a message begins is named by it; one that was refused begins none. */
function threadBegunBy({ id, recipients }: StoredMessage): string | null {
  const isRefused = recipients.every(({ state, attempts }) => state === 'blocked' && attempts === 0);
  return isRefused ? null : `thr_${id.slice('msg_'.length)}`;
}

/** As lists have it. */
export function messageBody(message: StoredMessage, texts: Texts): Record<string, unknown> {
  const meta = message.meta as Meta;
  return {
    id: message.id,
    status: messageStatus(message.recipients.map(({ state }) => state)),
    created_at: formatTime(message.createdAt),
    from: senderText(message.from),
    subject: message.subject,
    kind: message.kind,
    identity: message.identity,
    agent: message.agent,
    tags: meta.tags ?? [],
    metadata: Object.fromEntries(meta.metadata ?? []),
    thread_id: meta.thread_id ?? threadBegunBy(message),
    purpose: meta.purpose ?? null,
    dedupe_key: meta.dedupe_key ?? null,
    template: meta.template ?? null,
    send_at: timeOrNull(message.sendAt),
    expires_at: formatTime(message.expiresAt),
    content: { stored: message.hasContent, size: message.size, hash: message.contentHash },
    repeats: message.repeats,
    policy_version: message.policyVersion,
    retry_at: timeOrNull(retryAtOf(message.recipients.map((one) => one.later ?? one.verdict))),
    request_id: message.requestId,
    recipients: message.recipients.map((one) => recipientBody(one, texts)),
  };
}

/** As it is looked up by its id. The limits are those of its admission. */
export function wholeMessageBody(timeline: MessageTimeline, policy: Policy, texts: Texts): Record<string, unknown> {
  const { message, admission, events } = timeline;
  const accepted = admission.recipients.some(({ verdict }) => verdict !== 'block');
  const headroom: Headroom = headroomOf(admission, policy, accepted);
  return {
    ...messageBody(message, texts),
    recipients: message.recipients.map((one, i) => ({
      ...recipientBody(one, texts),
      outcome: outcomeOf(one, events),
      limits: (headroom.recipients[i] ?? []).map(limitBody),
    })),
    warnings: messageWarnings(admission, texts),
    limits: headroom.message.map(limitBody),
    risk: admission.risk,
    events: events.map((event) => eventBody(event, texts)),
    attempts: attemptsOf(events),
  };
}

/** States of which an event says how they came about. */
const TOLD: ReadonlySet<RecipientState> = new Set([
  ...(['sent', 'delivered', 'deferred', 'bounced', 'failed', 'expired', 'uncertain'] as const),
]);

/** What brought a recipient to where it stands. */
function outcomeOf({ id, state }: StoredRecipient, events: readonly EventRow[]): Record<string, unknown> | null {
  if (!TOLD.has(state)) return null;
  const told = events.findLast(({ type, data }) => type === `message.${state}` && data['recipient_id'] === id);
  if (told === undefined) return null;
  const { data, createdAt } = told;
  return {
    at: formatTime(createdAt),
    reply: data['reply'] ?? null,
    class: data['class'] ?? null,
    kind: data['kind'] ?? null,
    after_delivered: data['after_delivered'] === true,
    waited_for: data['waited_for'] ?? null,
  };
}

/** Attempts, from the events that tell what became of one. Where two events tell of the same attempt the later one counts. */
function attemptsOf(events: readonly EventRow[]): Record<string, unknown>[] {
  const attempts = new Map<string, Record<string, unknown>>();
  for (const { type, createdAt, data, seq } of events) {
    if (data['provider'] === undefined) continue;
    const number = data['attempt'] ?? null;
    attempts.set(`${data['recipient_id']} ${number ?? seq}`, {
      at: formatTime(createdAt),
      recipient: data['email'],
      recipient_id: data['recipient_id'],
      number,
      outcome: type.slice('message.'.length),
      provider: data['provider'],
      mailbox: data['mailbox'] ?? null,
      why: data['why'] ?? [],
      reply: data['reply'] ?? '',
      class: data['class'] ?? null,
    });
  }
  return [...attempts.values()];
}
