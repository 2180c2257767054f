/**
 * Reasons about the tenant's account: its standing, its quarantine, what it has paid for, what it stores. They stop
 * every recipient of a message alike. Order is precedence.
 *
 * Invariant: none of them is retryable, since waiting alone lifts none; a loop of retries changes nothing.
 */

import { DAY, HOUR, type ReasonEntry } from './entry.ts';

const SETTLE = 'Please renew the plan or settle the balance; sending continues right after.';

export const ACCOUNT = {
  account_quarantined: {
    code: 'account_quarantined',
    title: 'Account in quarantine',
    category: 'account',
    http: 403,
    smtp: { reply: 550, enhanced: '5.7.1' },
    retryable: false,
    clearsBy: ['operator'],
    clearsAt: 'No time, unless the policy or the operator has set a release time.',
    fault: 'tenant',
    detail:
      'The account has been in quarantine[ since {since}][, set by {set_by}][ (score {score}, threshold {threshold}; signals: {signals})| (score {score}, threshold {threshold})][: {note}][; it is released at {release_at}].',
    fix: 'Stop sending, and ask the operator to review the quarantine with `POST /v1/quarantine/appeals`.',
    explanation:
      'Recent sending looked like abuse or a fault: the risk score passed its threshold, or the operator put the account in quarantine by hand. The evidence names the signals. Until a review nothing is sent, and what was accepted before is held, not lost. Refused sends are not counted and cannot prolong the quarantine. `GET /v1/quarantine` shows its state, and one appeal at a time may be open.',
    customerMessage:
      'Sending from your account is on hold while we review recent activity. [It is expected to continue at {time}|Please contact support if you have questions].',
    words: { set_by: { score: 'the risk score', operator: 'the operator' } },
    evidence: {
      state: '`active`, `under_review` or `upheld`',
      since: 'when the quarantine began',
      set_by: '`score` or `operator`',
      score: 'the risk score at that time',
      threshold: 'the score at which quarantine begins',
      signals: 'the signals that made up most of the score, each with its value, threshold and contribution',
      release_at: 'the set release time, or null',
      note: "the operator's note",
    },
    example: ({ now, tenant }) => ({
      scope: tenant,
      clearsAt: null,
      evidence: {
        state: 'active',
        since: now - 2 * HOUR,
        set_by: 'score',
        score: 112,
        threshold: 100,
        signals: [{ name: 'repeats_without_reply', value: 14, threshold: 5, contribution: 72 }],
        release_at: null,
        note: null,
      },
    }),
  },
  account_suspended: {
    code: 'account_suspended',
    title: 'Account suspended',
    category: 'account',
    http: 403,
    smtp: { reply: 550, enhanced: '5.7.1' },
    retryable: false,
    clearsBy: ['operator'],
    clearsAt: 'No time; the operator must lift it.',
    fault: 'tenant',
    detail: 'The operator suspended this account[ at {since}][: {note}].',
    fix: 'Stop sending and contact the operator.',
    explanation:
      'The operator has ended sending for this account. Only the operator can set or lift a suspension; nothing the app sends changes it. Reading stays possible, so messages, events and verdicts can still be looked up.',
    customerMessage: 'Sending from your account is suspended. Please contact support.',
    evidence: { standing: '`suspended`', since: 'when it was suspended', note: "the operator's note" },
    example: ({ now, tenant }) => ({
      scope: tenant,
      clearsAt: null,
      evidence: { standing: 'suspended', since: now - 4 * DAY, note: 'Purchased address lists' },
    }),
  },
  account_paused: {
    code: 'account_paused',
    title: 'Account paused',
    category: 'account',
    http: 403,
    smtp: { reply: 550, enhanced: '5.7.1' },
    retryable: false,
    clearsBy: ['tenant'],
    clearsAt: 'No time; who paused it must resume it.',
    fault: 'tenant',
    detail: 'Sending was paused[ by {paused_by}][ at {since}][: {note}].',
    fix: "Ask the tenant's admin to resume the account with `POST /v1/account/resume`.",
    explanation:
      'Somebody has switched sending off for the whole account. The evidence says who and when. What the tenant paused, a person of the tenant resumes with a key that has `approve`. What the operator or an incident paused, only the operator resumes.',
    customerMessage: 'Sending from your account is paused. Please ask your administrator or support to resume it.',
    cases: {
      operator: {
        when: 'the operator or an incident paused the account',
        fix: 'Wait for the operator to resume the account, or contact them.',
      },
    },
    words: {
      paused_by: {
        tenant: "the tenant's own admin",
        operator: 'the operator',
        incident: 'the operator, in an incident',
      },
    },
    evidence: {
      standing: '`paused`',
      since: 'when it was paused',
      paused_by: '`tenant`, `operator` or `incident`',
      note: 'the note given with it',
    },
    example: ({ now, tenant }) => ({
      scope: tenant,
      clearsAt: null,
      evidence: { standing: 'paused', since: now - HOUR, paused_by: 'tenant', note: 'Closed for the holidays' },
    }),
  },
  trial_not_activated: {
    code: 'trial_not_activated',
    title: 'Trial not activated',
    category: 'account',
    http: 402,
    smtp: { reply: 550, enhanced: '5.7.1' },
    retryable: false,
    clearsBy: ['tenant'],
    clearsAt: 'No time; the tenant must activate the trial or choose a plan.',
    fault: 'tenant',
    detail: 'The trial of this account has not been activated yet[; this is done at {billing_url}].',
    fix: 'Activate the trial or choose a plan, then send again.',
    explanation:
      'The account exists, but its trial has not begun. Until it is activated nothing can be sent in live mode. Test mode needs no plan, so building and testing can go on.',
    customerMessage: 'Your trial is not active yet. Please activate it to start sending.',
    evidence: {
      standing: '`trial_not_activated`',
      since: 'when the account was made',
      billing_url: 'where to activate it',
    },
    example: ({ now, tenant }) => ({
      scope: tenant,
      clearsAt: null,
      evidence: {
        standing: 'trial_not_activated',
        since: now - DAY,
        billing_url: 'https://billing.example/activate',
      },
    }),
  },
  trial_expired: {
    code: 'trial_expired',
    title: 'Trial expired',
    category: 'account',
    http: 402,
    smtp: { reply: 550, enhanced: '5.7.1' },
    retryable: false,
    clearsBy: ['tenant'],
    clearsAt: 'No time; the tenant must choose a plan.',
    fault: 'tenant',
    detail: 'The trial of this account ended[ at {ends_at}][; plans are at {billing_url}].',
    fix: 'Choose a plan, then send again.',
    explanation:
      'The trial is over and no plan was chosen. Nothing is deleted: settings, contacts and history stay as they are. Sending continues as soon as a plan is in force.',
    customerMessage: 'Your trial has ended. Please choose a plan to continue sending.',
    evidence: { standing: '`trial_expired`', ends_at: 'when the trial ended', billing_url: 'where to choose a plan' },
    example: ({ now, tenant }) => ({
      scope: tenant,
      clearsAt: null,
      evidence: { standing: 'trial_expired', ends_at: now - 2 * DAY, billing_url: 'https://billing.example/plans' },
    }),
  },
  subscription_expired: {
    code: 'subscription_expired',
    title: 'Subscription expired or unpaid',
    category: 'account',
    http: 402,
    smtp: { reply: 550, enhanced: '5.7.1' },
    retryable: false,
    clearsBy: ['tenant'],
    clearsAt: 'No time; the tenant must renew or pay.',
    fault: 'tenant',
    detail:
      '[{standing}|The subscription of this account has ended or its balance is unpaid][ (since {ends_at})][; this is settled at {billing_url}].',
    fix: 'Renew the subscription or settle the balance, then send again.',
    explanation:
      'The plan of the account has ended, or a payment is overdue; `standing` in the evidence says which. `billing_url` says where to settle it, if the operator has set one. Sending continues as soon as the standing is active again.',
    customerMessage: `Sending is stopped because the subscription has ended or a payment is open. ${SETTLE}`,
    words: {
      standing: {
        subscription_expired: 'The subscription of this account has ended',
        payment_overdue: 'The balance of this account is unpaid',
      },
    },
    evidence: {
      standing: '`subscription_expired` or `payment_overdue`',
      ends_at: 'when the subscription ended or the payment was due',
      billing_url: 'where to settle it',
    },
    example: ({ now, tenant }) => ({
      scope: tenant,
      clearsAt: null,
      evidence: {
        standing: 'payment_overdue',
        ends_at: now - 5 * DAY,
        billing_url: 'https://billing.example/invoices',
      },
    }),
  },
  insufficient_credits: {
    code: 'insufficient_credits',
    title: 'Not enough credits',
    category: 'account',
    http: 402,
    smtp: { reply: 550, enhanced: '5.7.1' },
    retryable: false,
    clearsBy: ['tenant'],
    clearsAt: 'No time; the tenant must add credits.',
    fault: 'tenant',
    detail:
      '[The account has {credits:credit}|The account has too few credits][; this message needs {needed}][; more at {billing_url}].',
    fix: 'Add credits, or send to fewer recipients.',
    explanation:
      'The account is billed by credits, one for each recipient at acceptance, and has too few for this message. No credit was taken. A refused recipient never costs one.',
    customerMessage: 'Your account does not have enough credits to send this. Please add credits.',
    evidence: {
      credits: 'credits left',
      needed: 'credits this message needs',
      billing_url: 'where to add credits',
    },
    example: ({ tenant }) => ({
      scope: tenant,
      clearsAt: null,
      evidence: { credits: 2, needed: 3, billing_url: 'https://billing.example/credits' },
    }),
  },
  storage_limit_exceeded: {
    code: 'storage_limit_exceeded',
    title: 'Storage limit exceeded',
    category: 'account',
    http: 403,
    smtp: { reply: 552, enhanced: '5.3.1' },
    retryable: false,
    clearsBy: ['tenant'],
    clearsAt: 'When retention next removes enough content; null when it never will.',
    fault: 'tenant',
    detail:
      '[{used_bytes} of {limit_bytes} of storage are used|The storage of this account is full][; this message needs {needed_bytes}][; enough is freed at {clears_at}].',
    fix: 'Delete the content of old messages, shorten the retention, or choose a plan with more storage.',
    explanation:
      'Bodies and attachments are kept for the retention time and count towards the storage of the plan. There is no room for this message. `DELETE /v1/messages/{id}/content` frees the content of one message and keeps its history. Content also leaves by itself when its retention ends.',
    customerMessage:
      'The storage of your account is full, so nothing more can be sent[ until {time}]. Please delete old messages or choose a larger plan.',
    evidence: {
      used_bytes: 'bytes stored',
      limit_bytes: 'the most the plan allows',
      needed_bytes: 'bytes this message needs',
      frees_at: 'when retention frees enough',
    },
    example: ({ now, tenant }) => ({
      scope: tenant,
      clearsAt: now + 9 * HOUR,
      evidence: {
        used_bytes: 999_100_000,
        limit_bytes: 1_000_000_000,
        needed_bytes: 2_400_000,
        frees_at: now + 9 * HOUR,
      },
    }),
  },
} as const satisfies Record<string, ReasonEntry>;
