/**
 * Holds and slots: the message is accepted (202, SMTP 250) and waits. Order is precedence.
 *
 * Invariant: none has an HTTP status, since none is ever an error; none is retryable, since sending again would send
 * twice.
 */

import { DAY, exampleId, HOUR, MINUTE, type ReasonEntry } from './entry.ts';

export const HOLD = {
  approval_required: {
    code: 'approval_required',
    title: 'Approval required',
    category: 'hold',
    http: null,
    smtp: { reply: 250, enhanced: '2.0.0' },
    retryable: false,
    clearsBy: ['tenant'],
    clearsAt: 'The deadline of the approval; then the message is rejected.',
    fault: 'tenant',
    detail:
      'The message waits for the approval of a person[ ({approval_id})][; without one it is rejected at {clears_at}].',
    fix: 'Have a person approve or reject it with a key that has `approve`; do not send it again.',
    explanation:
      'The policy wants a person to look at this message before it leaves. The message is stored and held. The approval is bound to exactly this content: a change needs a new approval. If nobody decides before the deadline, it is rejected and its places in the limits are given back.',
    customerMessage: 'The message is waiting for approval[ until {time}] and will be sent once it is approved.',
    evidence: {
      approval_id: 'the approval to decide',
      mode: '`first_contact` or `all`',
      asked_by:
        'whose setting asks for it: `policy`, `identity`, `agent`, or `change` where the message is not the one that was approved',
      requested_at: 'when it was asked for',
      expires_at: 'the deadline',
    },
    example: ({ now, tenant }) => ({
      scope: tenant,
      clearsAt: now + DAY,
      evidence: { approval_id: exampleId('apr'), requested_at: now, expires_at: now + DAY },
    }),
  },
  content_review_required: {
    code: 'content_review_required',
    title: 'Content review required',
    category: 'hold',
    http: null,
    smtp: { reply: 250, enhanced: '2.0.0' },
    retryable: false,
    clearsBy: ['tenant'],
    clearsAt: 'The deadline of the review; then the message is rejected.',
    fault: 'tenant',
    detail:
      'A person must review the content[ because of {found}][ ({approval_id})][; without a decision it is rejected at {clears_at}].',
    fix: 'Have a person review the content and approve or reject it; do not send it again.',
    explanation:
      'Something in the content is doubtful but not bad enough to be refused, and the policy wants a person to look at it. The message is stored and held. If nobody decides before the deadline, it is rejected.',
    customerMessage:
      'The message is waiting for a review of its content[ until {time}] and will be sent once it is approved.',
    evidence: {
      approval_id: 'the review to decide',
      found: 'what was found in the content: each with its name, where it stands and its weight',
      requested_at: 'when it was asked for',
      expires_at: 'the deadline',
    },
    example: ({ now, tenant }) => ({
      scope: tenant,
      clearsAt: now + DAY,
      evidence: {
        approval_id: exampleId('apr'),
        found: [{ name: 'link_shortener', where: 'text', weight: 3 }],
        requested_at: now,
        expires_at: now + DAY,
      },
    }),
  },
  waiting_for_slot: {
    code: 'waiting_for_slot',
    title: 'Waiting for its slot',
    category: 'hold',
    http: null,
    smtp: { reply: 250, enhanced: '2.0.0' },
    retryable: false,
    clearsBy: ['time'],
    clearsAt: 'The slot at which the message leaves.',
    fault: 'caller',
    detail: 'The message waits[ until {clears_at}][ for {cause}][ ("{limit_name}")][ ({note})].',
    fix: 'Wait; the message leaves by itself, so do not send it again.',
    cases: {
      tenant: {
        when: 'all mailboxes of its identity are paused, or all its providers are off or in error',
        fix: 'Resume a mailbox, or mend a provider and test or activate it; the message then leaves by itself, so do not send it again.',
      },
    },
    explanation:
      'The message is accepted and leaves at a later time: the `send_at` you gave, the next place in the warm-up, the next working hours, or the earliest place that a limit frees when you asked to wait. Its place is reserved. It can be moved or cancelled until it leaves.',
    customerMessage: 'The message is scheduled and will be sent [at {time}|later].',
    words: {
      cause: {
        send_at: 'the time that was asked for',
        warmup: 'the next place in the warm-up',
        working_hours: 'the next working hours',
        quota: 'the earliest place that a limit frees',
        mailbox: 'the earliest place in a mailbox',
        drip: 'the gap that its sender keeps between two first contacts',
        route: 'a way out that is closed for a time',
        repair: 'the next try of its provider, which failed',
        paused: 'a mailbox that is resumed',
        provider_pace: 'the pace that its provider takes mail at',
        mailbox_pace: 'the pace that its mailbox takes mail at',
        destination_pace: 'the pace that its destination takes mail at',
        health: 'a mailbox that can be used again',
        provider: 'a provider that is active',
      },
    },
    evidence: {
      cause:
        '`send_at`, `warmup`, `working_hours`, `drip`, `quota` or `mailbox`; of one that is accepted and waits for its way out also `route`, `repair`, `provider_pace`, `mailbox_pace`, `destination_pace`, `health`, `paused` or `provider`',
      departs_at: 'the slot',
      limit_name: 'the limit that sets the slot',
      waits_for: 'every limit that was full',
      mailbox: 'the mailbox that is waited for',
      candidates: 'the ways out, and what each waits for',
      note: 'in words, where the cause has some',
    },
    example: ({ now, tenant }) => ({
      scope: tenant,
      clearsAt: now + 47 * MINUTE,
      evidence: { cause: 'quota', departs_at: now + 47 * MINUTE, limit_name: 'daily', waits_for: ['daily'] },
    }),
  },
  quarantine_hold: {
    code: 'quarantine_hold',
    title: 'Held by the quarantine',
    category: 'hold',
    http: null,
    smtp: { reply: 250, enhanced: '2.0.0' },
    retryable: false,
    clearsBy: ['operator'],
    clearsAt: 'No time, unless the quarantine has a set release time.',
    fault: 'tenant',
    detail:
      'The account came into quarantine[ at {since}] before this message[, accepted at {accepted_at},] could leave.',
    fix: 'Ask the operator to review the quarantine; do not send the message again.',
    explanation:
      'The message was accepted before the account came into quarantine and had not left yet. It is kept. On release the operator decides whether held messages are sent or dropped, and each is then closed with an event.',
    customerMessage: 'The message is held while we review recent activity of your account.',
    evidence: { since: 'when the quarantine began', accepted_at: 'when the message was accepted' },
    example: ({ now, tenant }) => ({
      scope: tenant,
      clearsAt: null,
      evidence: { since: now - HOUR, accepted_at: now - 2 * HOUR },
    }),
  },
} as const satisfies Record<string, ReasonEntry>;
