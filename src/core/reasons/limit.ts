/**
 * Reasons about limits and reputation. Order is precedence: the shortest window first.
 *
 * Invariant: all of them are retryable and clear by time, and a refusal adds nothing to any count, so waiting until
 * `clears.at` is always enough. The one exception is a pool of mailboxes that is out of health, not out of places.
 */

import { exampleId, HOUR, MINUTE, nextUtcDay, nextUtcMonth, type ReasonEntry, SECOND } from './entry.ts';
import { LIMIT_EVIDENCE, limitExample } from './limit-evidence.ts';

const USED_IN_WINDOW =
  '[{used} of {limit} {unit} used in {window}|{used} of {limit} {unit} used|The limit is used up][; there is room for {requested} more at {clears_at}|; the next place frees at {clears_at}][. The account is on probation: the limit grows back to {full_limit} until {probation_ends_at}].';

const LIMIT_USED_UP = 'The sending limit of your account[ ({limit} {unit} in {window})| ({limit} {unit})] is used up.';

const CAN_SEND_AGAIN = '[You can send again at {time}|Please try again later].';

export const LIMIT = {
  send_rate_exceeded: {
    code: 'send_rate_exceeded',
    title: 'Sending too fast',
    category: 'limit',
    http: 429,
    smtp: { reply: 451, enhanced: '4.7.1' },
    retryable: true,
    clearsBy: ['time'],
    clearsAt: 'The instant at which the rate lets the message through.',
    fault: 'caller',
    detail:
      '[The rate limit "{limit_name}"|The rate limit][ of {limit} {unit} per {per}] is reached[; the next place frees at {clears_at}].',
    fix: 'Wait as long as `Retry-After` says, or let Postern do it with `"on_limit": "defer"`.',
    explanation:
      'Messages come in faster than the rate limit lets them through. A short burst is allowed; after it, places free one by one at an even pace. With `on_limit: defer` the message is accepted and leaves in the earliest free place.',
    customerMessage: 'Messages are being sent faster than allowed at the moment. Please try again shortly.',
    words: { per: { second: 'second', minute: 'minute' } },
    evidence: LIMIT_EVIDENCE,
    example: ({ now }) => ({
      scope: { kind: 'installation', id: exampleId('ins') },
      clearsAt: now + SECOND,
      evidence: {
        limit_name: 'rate',
        unit: 'recipient',
        window: 'rate',
        per: 'second',
        limit: 14,
        burst: 28,
        used: 28,
        requested: 1,
        frees_at: now + SECOND,
      },
    }),
  },
  hourly_quota_exceeded: {
    code: 'hourly_quota_exceeded',
    title: 'Hourly quota exceeded',
    category: 'limit',
    http: 429,
    smtp: { reply: 452, enhanced: '4.7.1' },
    retryable: true,
    clearsBy: ['time'],
    clearsAt: 'The end of a calendar window, or when a rolling window frees enough places.',
    fault: 'caller',
    detail: USED_IN_WINDOW,
    fix: 'Wait until `clears.at`, or send with `"on_limit": "defer"` to take the earliest free place.',
    explanation:
      'A limit with a window of up to one hour is used up. In a rolling window each place frees one window length after it was taken; a calendar window frees all of them at its end. Refused sends count nothing. Every response shows the limits and what is left of them, so you can slow down in time.',
    customerMessage: `${LIMIT_USED_UP} ${CAN_SEND_AGAIN}`,
    evidence: LIMIT_EVIDENCE,
    example: ({ now, tenant }) =>
      limitExample(tenant, now + 12 * MINUTE, {
        limit_name: 'hourly',
        unit: 'recipient',
        window: 'rolling_1h',
        limit: 100,
        used: 100,
      }),
  },
  daily_quota_exceeded: {
    code: 'daily_quota_exceeded',
    title: 'Daily quota exceeded',
    category: 'limit',
    http: 429,
    smtp: { reply: 452, enhanced: '4.7.1' },
    retryable: true,
    clearsBy: ['time'],
    clearsAt: '00:00 UTC for a calendar day; for a rolling window the instant enough of the oldest units leave it.',
    fault: 'caller',
    detail: USED_IN_WINDOW,
    fix: 'Wait until `clears.at`, or send with `"on_limit": "defer"` to take the earliest free place.',
    explanation:
      'A limit with a window of more than an hour is used up; the evidence names the window. In a rolling window a place frees one window length after it was taken, so room returns bit by bit and not at midnight. `clears.at` is when there is room for this message. `POST /v1/messages/plan` says when each of N messages would leave.',
    customerMessage: `${LIMIT_USED_UP} ${CAN_SEND_AGAIN}`,
    evidence: LIMIT_EVIDENCE,
    example: ({ now, tenant }) =>
      limitExample(tenant, now + 47 * MINUTE, {
        limit_name: 'daily',
        unit: 'recipient',
        window: 'rolling_24h',
        limit: 500,
        used: 500,
      }),
  },
  monthly_quota_exceeded: {
    code: 'monthly_quota_exceeded',
    title: 'Monthly quota exceeded',
    category: 'limit',
    http: 429,
    smtp: { reply: 452, enhanced: '4.7.1' },
    retryable: true,
    clearsBy: ['time'],
    clearsAt:
      'The first of the next month, 00:00 UTC; for a rolling window the instant enough of the oldest units leave it.',
    fault: 'caller',
    detail: USED_IN_WINDOW,
    fix: 'Wait until `clears.at`, or have the limit raised.',
    explanation:
      'The limit for the calendar month is used up. A calendar month starts anew on its first day at 00:00 UTC. If this happens before the end of most months, the plan is too small.',
    customerMessage: `${LIMIT_USED_UP} ${CAN_SEND_AGAIN}`,
    evidence: LIMIT_EVIDENCE,
    example: ({ now, tenant }) =>
      limitExample(tenant, nextUtcMonth(now), {
        limit_name: 'monthly',
        unit: 'recipient',
        window: 'calendar_month',
        limit: 10_000,
        used: 10_000,
      }),
  },
  identity_cap_exceeded: {
    code: 'identity_cap_exceeded',
    title: 'Identity cap exceeded',
    category: 'limit',
    http: 429,
    smtp: { reply: 452, enhanced: '4.7.1' },
    retryable: true,
    clearsBy: ['time'],
    clearsAt: '00:00 UTC for a daily cap, or when the window of the limit frees a place.',
    fault: 'caller',
    detail: `[Identity {identity}: |]${USED_IN_WINDOW}`,
    fix: 'Send with another identity, or wait until `clears.at`.',
    explanation:
      'This sending persona has used up its own cap; the rest of the account may still send. The cap comes from its tier, from `daily_cap` or from a limit of the policy. Raising it loosens a control, so a person with `approve` must do it.',
    customerMessage:
      'The limit of this sender[ ({limit} {unit})] is used up. [It can send again at {time}|Please try again later or use another sender].',
    evidence: {
      ...LIMIT_EVIDENCE,
      identity: 'the handle of the identity',
      alternatives: 'other identities that have room',
    },
    example: ({ now }) => ({
      scope: { kind: 'identity', id: exampleId('idn') },
      clearsAt: nextUtcDay(now),
      evidence: {
        identity: 'alice',
        limit_name: 'identity_daily',
        unit: 'recipient',
        window: 'calendar_day',
        limit: 150,
        used: 150,
        requested: 1,
        frees_at: nextUtcDay(now),
      },
    }),
  },
  mailboxes_exhausted: {
    code: 'mailboxes_exhausted',
    title: 'No mailbox left',
    category: 'limit',
    http: 429,
    smtp: { reply: 452, enhanced: '4.7.1' },
    retryable: true,
    clearsBy: ['time'],
    clearsAt: 'The earliest reset of a cap; null when the health of the mailboxes is the cause.',
    fault: 'tenant',
    detail:
      '[None of the {mailboxes:mailbox} can take this message|No mailbox can take this message][ ({at_cap} at their cap, {unhealthy} paused, unhealthy or without a provider)][; the next place frees at {clears_at}][; identities with room: {alternatives}].',
    fix: 'Wait until `clears.at`, or give the identity more mailboxes.',
    explanation:
      'The mailboxes this identity could send through have all reached their caps, or are paused or unhealthy. When caps are the cause, time clears it and `clears.at` is the first reset. When health is the cause, waiting does not help: a person must look at the mailboxes. `GET /v1/mailboxes` shows cap, stage and health of each.',
    customerMessage:
      'No mailbox is free to send this message. [It can be sent at {time}|Please try again later or contact your administrator].',
    cases: {
      tenant: {
        when: 'the health of the mailboxes is the cause',
        fix: 'Have an admin repair or resume a mailbox, or add a healthy one.',
      },
    },
    evidence: {
      identity: 'the handle of the identity',
      mailboxes: 'how many it could use',
      at_cap: 'how many have reached a cap',
      unhealthy: 'how many are unhealthy, paused, or on a provider that is not active',
      resets_at: 'the earliest reset of a cap',
      candidates:
        'up to eight of them: `name`, `state` (`at_cap`, `warming_up`, `unhealthy`, `paused`, `provider_inactive`, `provider_error`), `free_at`, `health` from 0 to 100, and `since` when it is below the threshold',
      lacking: "how many recipients a day the identity's own cap allows beyond those of its usable mailboxes",
      alternatives: 'other identities that have room',
    },
    example: ({ now }) => ({
      scope: { kind: 'identity', id: exampleId('idn') },
      clearsAt: nextUtcDay(now),
      evidence: {
        identity: 'alice',
        mailboxes: 3,
        at_cap: 2,
        unhealthy: 1,
        resets_at: nextUtcDay(now),
        candidates: [
          { name: 'alice@acme.example', state: 'at_cap', free_at: nextUtcDay(now), health: 96 },
          { name: 'alice@acme-mail.example', state: 'at_cap', free_at: nextUtcDay(now), health: 91 },
          { name: 'alice@try-acme.example', state: 'unhealthy', health: 12, since: now - 86_400_000 },
        ],
        alternatives: ['bob'],
      },
    }),
  },
  recipient_domain_throttled: {
    code: 'recipient_domain_throttled',
    title: 'Recipient domain throttled',
    category: 'limit',
    http: 429,
    smtp: { reply: 451, enhanced: '4.7.1' },
    retryable: true,
    clearsBy: ['time'],
    clearsAt: 'The end of the window.',
    fault: 'caller',
    detail: `[For the domain {domain}: |]${USED_IN_WINDOW}`,
    fix: 'Wait until `clears.at`, or spread messages to this domain over a longer time.',
    explanation:
      'Too many messages go to one domain at once. Large receivers refuse or delay senders that arrive in bursts, and remember it. Messages to other domains are not affected.',
    customerMessage:
      'Many messages are going to this mail provider at the moment. [This one can be sent at {time}|Please try again later].',
    evidence: { ...LIMIT_EVIDENCE, domain: 'the domain of the recipient' },
    example: ({ now }) => ({
      scope: { kind: 'recipient_domain', id: 'example.com' },
      clearsAt: now + 9 * MINUTE,
      evidence: {
        domain: 'example.com',
        limit_name: 'per_domain',
        unit: 'recipient',
        window: 'rolling_15m',
        limit: 200,
        used: 200,
        requested: 1,
        frees_at: now + 9 * MINUTE,
      },
    }),
  },
  warmup_limit_exceeded: {
    code: 'warmup_limit_exceeded',
    title: 'Warm-up limit exceeded',
    category: 'limit',
    http: 429,
    smtp: { reply: 452, enhanced: '4.7.1' },
    retryable: true,
    clearsBy: ['time'],
    clearsAt: 'The next day with a free place.',
    fault: 'caller',
    detail: `[{mailbox} is in warm-up|{identity} is in warm-up|The sender is in warm-up][ (day {day})]: [{used} of {limit} used today|today's places are used up][; the next place frees at {clears_at}].`,
    fix: 'Wait until `clears.at`, or send through a sender that is warmed up.',
    explanation:
      "A new identity, mailbox or domain starts with few messages a day and grows step by step, since receivers distrust a new sender with a high volume. Today's places are taken. With `on_limit: defer` the message takes a place on the next day that has one.",
    customerMessage:
      'This sender is new and may send only a few messages a day. [The next one can be sent at {time}|Please try again tomorrow].',
    evidence: {
      ...LIMIT_EVIDENCE,
      mailbox: 'the address of the mailbox, where it is one that is warmed up',
      identity: 'the identity, where it is one that is warmed up',
      family: 'the family of destinations that a mailbox is warmed up towards: `google`, `microsoft`, …, `other`',
      alternatives: 'other identities that have room',
      day: 'the day of the warm-up',
      limit: "today's places",
      used: 'places taken today',
      frees_at: 'the next free place',
    },
    example: ({ now }) => ({
      scope: { kind: 'mailbox', id: exampleId('mbx') },
      clearsAt: nextUtcDay(now),
      evidence: { mailbox: 'alice@acme.example', day: 4, limit: 20, used: 20, frees_at: nextUtcDay(now) },
    }),
  },
  risk_budget_exceeded: {
    code: 'risk_budget_exceeded',
    title: 'Risk budget exceeded',
    category: 'limit',
    http: 429,
    smtp: { reply: 451, enhanced: '4.7.1' },
    retryable: true,
    clearsBy: ['time'],
    clearsAt: 'When the window has moved on far enough for the rate to fall below its maximum.',
    fault: 'tenant',
    detail:
      '[{measure}|The bounce or complaint rate][ of {rate}] is above the maximum[ of {max_rate}][ in {window}][ ({sample:message})].',
    fix: 'Stop sending to old or bought addresses, clean the list, and go on when `clears.at` is reached.',
    explanation:
      'Of the messages in the window, too large a share bounced or was reported as spam. The rate counts only above a minimum number of messages, so a single bounce stops nobody. Sending on at this rate would get the sender blocked by receivers. Remove the addresses that bounced and ask yourself where they came from.',
    customerMessage: `Too many of your recent messages bounced or were reported as unwanted, so sending is stopped for a while. ${CAN_SEND_AGAIN}`,
    words: { measure: { bounce_rate: 'The bounce rate', complaint_rate: 'The complaint rate' } },
    evidence: {
      measure: '`bounce_rate` or `complaint_rate`',
      count: 'bounces or complaints in the window',
      rate: 'the rate now, 0 to 1',
      max_rate: 'the highest rate allowed',
      sample: 'messages in the window',
      min_sample: 'how many there must be for the rate to count',
      window: 'the window',
      frees_at: 'when the rate falls to what is allowed',
    },
    example: ({ now, tenant }) => ({
      scope: tenant,
      clearsAt: now + 7 * HOUR,
      evidence: {
        measure: 'bounce_rate',
        count: 28,
        rate: 0.112,
        max_rate: 0.08,
        sample: 250,
        min_sample: 50,
        window: 'rolling_24h',
        frees_at: now + 7 * HOUR,
      },
    }),
  },
  negative_signal_budget_exceeded: {
    code: 'negative_signal_budget_exceeded',
    title: 'Too many negative signals',
    category: 'limit',
    http: 429,
    smtp: { reply: 451, enhanced: '4.7.1' },
    retryable: true,
    clearsBy: ['time'],
    clearsAt: 'The oldest counted signal plus the window.',
    fault: 'tenant',
    detail:
      '[{used} of {limit} negative signals counted in {window}|Too many negative signals were counted][ (bounces: {bounces}, complaints: {complaints}, unsubscribes: {unsubscribes})][; the oldest leaves at {clears_at}].',
    fix: 'Find out why people bounce, complain or unsubscribe, and go on when `clears.at` is reached.',
    explanation:
      'Hard bounces, complaints and unsubscribes count as negative signals. Their number in the window has reached what the policy allows, whatever the share of all messages is. Each signal leaves the count one window length after it happened.',
    customerMessage: `Many recent messages bounced or were not wanted, so sending is stopped for a while. ${CAN_SEND_AGAIN}`,
    evidence: {
      used: 'signals counted now',
      limit: 'the most the policy allows',
      window: 'the window',
      bounces: 'hard bounces among them',
      complaints: 'complaints among them',
      unsubscribes: 'unsubscribes among them',
      frees_at: 'when the oldest leaves',
    },
    example: ({ now, tenant }) => ({
      scope: tenant,
      clearsAt: now + 3 * HOUR,
      evidence: {
        used: 50,
        limit: 50,
        window: 'rolling_24h',
        bounces: 31,
        complaints: 4,
        unsubscribes: 15,
        frees_at: now + 3 * HOUR,
      },
    }),
  },
} as const satisfies Record<string, ReasonEntry>;
