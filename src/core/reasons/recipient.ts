/**
 * Reasons about one recipient: the address, what its owner has said, and who else writes to the same person. They stop
 * this recipient only; the others of the message go their way. Order is precedence: what nobody can lift comes first.
 */

import { DAY, exampleId, HOUR, MINUTE, type ReasonEntry } from './entry.ts';
import { LIMIT_EVIDENCE, limitExample } from './limit-evidence.ts';

export const RECIPIENT = {
  invalid_recipient: {
    code: 'invalid_recipient',
    title: 'Invalid recipient',
    category: 'recipient',
    http: 422,
    smtp: { reply: 550, enhanced: '5.1.3' },
    // RFC 7504 §4 and RFC 7505 §4.2 for a null MX; RFC 3463 §3.2 for the rest.
    smtpCases: {
      field: 'problem',
      replies: {
        null_mx: { reply: 556, enhanced: '5.1.10' },
        no_such_domain: { reply: 550, enhanced: '5.1.2' },
        no_mail_host: { reply: 550, enhanced: '5.1.2' },
      },
    },
    retryable: false,
    clearsBy: ['caller'],
    clearsAt: 'No time; the address must change.',
    fault: 'caller',
    detail: '[{address}|The address] cannot receive mail[: {problem}].',
    fix: 'Correct the address or leave it out.',
    explanation:
      'The address is not one that mail can be sent to: its form is wrong, its domain does not exist, or the domain says that it takes no mail (a null MX). Addresses with an IP literal or without a dot in the domain are refused, and so are domains that mix scripts in a way used to deceive. Simulator addresses are valid in test mode only. Nothing was sent, so this does not count as a bounce.',
    customerMessage: 'This e-mail address cannot receive messages. Please check it for typing errors.',
    words: {
      problem: {
        syntax: 'its form is not that of an e-mail address',
        no_dot: 'its domain has no dot',
        ip_literal: 'its domain is an IP address',
        mixed_scripts: 'its domain mixes scripts in a deceptive way',
        no_such_domain: 'its domain does not exist',
        no_mail_host: 'its domain has no mail server',
        null_mx: 'its domain takes no mail (null MX)',
        simulator: 'simulator addresses work in test mode only',
        unknown_simulator_address: 'the simulator has no such address',
        no_mail_domain: 'its domain stands for telephone numbers and takes no mail',
      },
    },
    evidence: {
      address: 'the address as it was given',
      domain: 'its domain',
      problem:
        '`syntax`, `no_dot`, `ip_literal`, `mixed_scripts`, `no_such_domain`, `no_mail_host`, `null_mx`, `simulator`, `unknown_simulator_address` or `no_mail_domain`',
    },
    example: ({ recipient }) => ({
      scope: recipient,
      clearsAt: null,
      evidence: { address: 'bob@gone.example', domain: 'gone.example', problem: 'no_such_domain' },
    }),
  },
  do_not_contact: {
    code: 'do_not_contact',
    title: 'Do not contact',
    category: 'recipient',
    http: 422,
    smtp: { reply: 550, enhanced: '5.7.1' },
    retryable: false,
    clearsBy: ['never'],
    clearsAt: 'Never; only a mark made in error is removed, by a person.',
    fault: 'recipient',
    detail: 'This contact is marked do-not-contact[ since {since}][: {note}].',
    fix: 'Do not write to this person; take the address off your lists.',
    explanation:
      'Somebody has marked this person as one who must not be written to, for any purpose. The mark holds for every app and agent of the tenant and for every kind of message. It does not expire. If it was made in error, a person with a key that has `approve` clears it on the contact, with a note.',
    customerMessage: 'This person does not wish to be contacted, so the message was not sent.',
    evidence: { since: 'when the mark was set', note: 'the note given with it' },
    example: ({ now, recipient }) => ({
      scope: recipient,
      clearsAt: null,
      evidence: { since: now - 40 * DAY, note: 'Asked by phone not to be written to' },
    }),
  },
  suppressed: {
    code: 'suppressed',
    title: 'Recipient suppressed',
    category: 'recipient',
    http: 422,
    smtp: { reply: 550, enhanced: '5.7.1' },
    retryable: false,
    clearsBy: ['tenant'],
    clearsAt: 'When the suppression expires; null when it does not.',
    fault: 'recipient',
    detail:
      'The [{matched}|recipient] is suppressed[: {suppression_reason}][ on {since}][; the suppression ends at {expires_at}].',
    fix: "Take the address off your list, or have the tenant's admin remove the suppression if it was made in error.",
    explanation:
      'The address, or its whole domain, is on the suppression list. A hard bounce, a complaint, an unsubscribe, a legal request or an entry by hand puts it there, and the evidence says which. Writing to it again would harm your reputation and perhaps break a law. `GET /v1/suppressions/check?email=` shows the suppression before you send.',
    customerMessage:
      'Messages to this address are stopped[ until {time}], because an earlier one could not be delivered or was not wanted.',
    cases: {
      recipient: {
        when: 'the recipient unsubscribed',
        fix: 'Stop writing to this address; only its owner can subscribe again.',
      },
      never: {
        when: 'the cause is a complaint or a legal request',
        fix: 'Do not write to this address again; take it off your lists.',
      },
    },
    words: {
      matched: { address: 'address', domain: 'whole domain of the recipient' },
      suppression_reason: {
        complaint: 'spam complaint',
        hard_bounce: 'hard bounce',
        manual_dnc: 'entered by hand',
        legal_request: 'legal request',
        role_account: 'role account',
        unsubscribe: 'unsubscribed',
      },
    },
    evidence: {
      suppression_id: 'the suppression',
      suppression_reason: '`complaint`, `hard_bounce`, `manual_dnc`, `legal_request`, `role_account` or `unsubscribe`',
      matched: '`address` or `domain`',
      since: 'when it was made',
      expires_at: 'when it ends, or null',
    },
    example: ({ now, recipient }) => ({
      scope: recipient,
      clearsAt: null,
      evidence: {
        suppression_id: exampleId('sup'),
        suppression_reason: 'hard_bounce',
        matched: 'address',
        since: now - 20 * DAY,
        expires_at: null,
      },
    }),
  },
  consent_missing: {
    code: 'consent_missing',
    title: 'Consent missing',
    category: 'recipient',
    http: 422,
    smtp: { reply: 550, enhanced: '5.7.1' },
    retryable: false,
    clearsBy: ['caller'],
    clearsAt: 'No time; consent must be recorded first.',
    fault: 'caller',
    detail:
      '[{consent}|The consent this message needs is missing][ (since {since})][; the policy asks for {required}].',
    fix: 'Record the consent on the contact before sending, or leave this person out.',
    explanation:
      'Marketing messages need consent as the policy says. With `recorded`, a recorded refusal or unsubscribe blocks; with `required`, an opt-in must be there. Set it with `PUT /v1/contacts/{email}` once you have it. Marking a marketing message as `transactional` to get past this is abuse.',
    customerMessage: 'This person has not agreed to receive such messages, so it was not sent.',
    words: {
      consent: {
        none: 'No consent to marketing is recorded for this person',
        refused: 'This person refused marketing',
        unsubscribed: 'This person unsubscribed from marketing',
      },
      required: { recorded: 'no recorded refusal', required: 'a recorded opt-in' },
    },
    evidence: {
      consent: '`none`, `refused` or `unsubscribed`',
      required: 'what the policy asks for: `recorded` or `required`',
      since: 'when the refusal was recorded',
    },
    example: ({ recipient }) => ({
      scope: recipient,
      clearsAt: null,
      evidence: { consent: 'none', required: 'required', since: null },
    }),
  },
  disengaged: {
    code: 'disengaged',
    title: 'Recipient disengaged',
    category: 'recipient',
    http: 422,
    smtp: { reply: 550, enhanced: '5.7.1' },
    retryable: false,
    clearsBy: ['recipient'],
    clearsAt: 'No time; a sign of life from the recipient clears it.',
    fault: 'recipient',
    detail:
      '[{sends:message} without a sign of life|The recipient has shown no sign of life for long][ (last one at {last_engaged_at})][; the policy stops after {after_sends}, and a sign of life counts for {days:day}].',
    fix: 'Stop writing to this person until they reply or sign up again.',
    explanation:
      'Many messages went to this person and nothing came back. Receivers take writing on as a sign of spam, and it pulls down delivery to everybody else. A reply or a new sign-up clears it at once.',
    customerMessage: 'This person has not reacted to earlier messages for a long time, so this one was not sent.',
    evidence: {
      sends: 'messages since the last sign of life',
      after_sends: 'how many the policy allows',
      days: 'for how many days a sign of life counts',
      last_engaged_at: 'the last sign of life, or null',
    },
    example: ({ now, recipient }) => ({
      scope: recipient,
      clearsAt: null,
      evidence: { sends: 12, after_sends: 12, days: 180, last_engaged_at: now - 200 * DAY },
    }),
  },
  active_opportunity: {
    code: 'active_opportunity',
    title: 'Active opportunity',
    category: 'recipient',
    http: 409,
    smtp: { reply: 550, enhanced: '5.7.1' },
    retryable: false,
    clearsBy: ['tenant'],
    clearsAt: 'No time; a person must close the opportunity.',
    fault: 'tenant',
    detail: 'An opportunity with this contact is open[ since {since}][ ({opportunity})].',
    fix: "Leave the contact to the person in charge, or have the tenant's admin clear the opportunity.",
    explanation:
      'Somebody is in the middle of business with this person, and automatic messages would disturb it. The contact carries the mark `opportunity`, set through the API or from a CRM. A person clears it when the deal is won or lost.',
    customerMessage: 'A colleague is in contact with this person at the moment, so the message was not sent.',
    evidence: { opportunity: 'what the contact says about it', since: 'when it was set' },
    example: ({ now, recipient }) => ({
      scope: recipient,
      clearsAt: null,
      evidence: { opportunity: 'Renewal 2027', since: now - 6 * DAY },
    }),
  },
  thread_taken_over: {
    code: 'thread_taken_over',
    title: 'A person has the conversation',
    category: 'recipient',
    http: 409,
    smtp: { reply: 550, enhanced: '5.7.1' },
    retryable: false,
    clearsBy: ['tenant'],
    clearsAt: 'No time; a person must hand it back.',
    fault: 'tenant',
    detail: 'A person took this conversation over[ at {since}][ ({taken_by})][; thread {thread_id}].',
    fix: 'Stop the automatic messages in this conversation until the person hands it back.',
    explanation:
      'A person of the tenant has taken over the conversation with this contact. Agents and other automatic senders stay silent, so that the contact does not get two answers. A person clears `thread_taken_over` on the contact to hand it back.',
    customerMessage: 'A colleague is handling this conversation personally, so the automatic message was not sent.',
    evidence: { thread_id: 'the thread', since: 'when it was taken over', taken_by: 'who took it over' },
    example: ({ now, recipient }) => ({
      scope: recipient,
      clearsAt: null,
      evidence: { thread_id: exampleId('thr'), since: now - 3 * HOUR, taken_by: 'Dana' },
    }),
  },
  lease_conflict: {
    code: 'lease_conflict',
    title: 'Contact is leased',
    category: 'recipient',
    http: 409,
    smtp: { reply: 451, enhanced: '4.7.1' },
    retryable: true,
    clearsBy: ['time'],
    clearsAt: 'When the lease expires; it may be released sooner.',
    fault: 'caller',
    detail:
      '[{problem}|Another agent holds the lease on this contact][ (held by {held_by})][; it ends at {expires_at}].',
    fix: 'Wait until the lease ends, or send as the agent that holds it, with its current token.',
    explanation:
      'An agent has the exclusive right to write to this contact for a time, so that two agents do not write to the same person at once. A send passes when its agent holds the lease; a `lease_token`, if given, must be the current one. A send that names no agent never passes a lease. The holder may renew or release it.',
    customerMessage:
      'Someone else is writing to this person at the moment. [Please try again at {time}|Please try again later].',
    words: {
      problem: {
        held_by_other: 'Another agent holds the lease on this contact',
        no_agent: 'This contact is leased and the message names no agent',
        stale_token: 'The lease token is not the current one',
      },
    },
    evidence: {
      lease_id: 'the lease',
      problem: '`held_by_other`, `no_agent` or `stale_token`',
      held_by: 'the agent that holds it',
      agent: 'the agent of this message',
      expires_at: 'when it ends',
    },
    example: ({ now, recipient }) => ({
      scope: recipient,
      clearsAt: now + 10 * MINUTE,
      evidence: {
        lease_id: exampleId('lse'),
        problem: 'held_by_other',
        held_by: 'support-2',
        agent: 'outreach-1',
        expires_at: now + 10 * MINUTE,
      },
    }),
  },
  duplicate: {
    code: 'duplicate',
    title: 'Duplicate',
    category: 'recipient',
    http: 409,
    smtp: { reply: 550, enhanced: '5.7.1' },
    retryable: false,
    clearsBy: ['caller'],
    clearsAt: 'First use of the dedupe key plus its retention of 30 days.',
    fault: 'caller',
    detail:
      'The dedupe key[ "{dedupe_key}"] was used[ at {first_at}][ by {original_message_id}][; it is free again at {clears_at}].',
    fix: 'Treat the original message as the answer; use a new dedupe key only for a message that is meant to go out again.',
    explanation:
      'A message with this dedupe key was accepted before. Either this one has other content, or it asked for `"on_duplicate": "block"`. A dedupe key is used up by acceptance alone; a refused message leaves it free. The original is named in the evidence and can be looked up.',
    customerMessage: 'This message has already been sent, so it was not sent again.',
    evidence: {
      original_message_id: 'the message that used the key',
      dedupe_key: 'the key',
      first_at: 'when that message was accepted',
    },
    example: ({ now, recipient }) => ({
      scope: recipient,
      clearsAt: now + 29 * DAY,
      evidence: { original_message_id: exampleId('msg'), dedupe_key: 'quote-42', first_at: now - DAY },
    }),
  },
  cooldown: {
    code: 'cooldown',
    title: 'Cooldown',
    category: 'recipient',
    http: 429,
    smtp: { reply: 451, enhanced: '4.7.1' },
    retryable: true,
    clearsBy: ['time'],
    clearsAt: 'The last send plus the cooldown.',
    fault: 'caller',
    detail:
      '[The last message to this recipient left at {last_sent_at}|A message to this recipient left not long ago][; the policy asks for {seconds} between {per}].',
    fix: 'Send at `clears.at` or later, for example with `send_at`.',
    explanation:
      'The policy keeps a pause between two messages to the same person, or two messages of one template to the same person. The pause after the last one is not over. A reply from the recipient ends it early. Refused sends do not prolong it.',
    customerMessage:
      'This person was written to a short while ago. [You can write again at {time}|Please wait before you write again].',
    words: {
      per: {
        recipient: 'two messages to one recipient',
        recipient_and_template: 'two messages of one template to one recipient',
      },
    },
    evidence: {
      last_sent_at: 'when the last message left',
      seconds: 'the cooldown in seconds',
      per: '`recipient` or `recipient_and_template`',
    },
    example: ({ now, recipient }) => ({
      scope: recipient,
      clearsAt: now + 20 * HOUR,
      evidence: { last_sent_at: now - 4 * HOUR, seconds: 86_400, per: 'recipient' },
    }),
  },
  recipient_frequency_exceeded: {
    code: 'recipient_frequency_exceeded',
    title: 'Too many messages to one person',
    category: 'recipient',
    http: 429,
    smtp: { reply: 451, enhanced: '4.7.1' },
    retryable: true,
    clearsBy: ['time'],
    clearsAt: 'When the window frees a place.',
    fault: 'caller',
    detail:
      '[{used} of {limit} messages to this recipient used in {window}|The limit on messages to this recipient is reached][; the next place frees at {clears_at}].',
    fix: 'Wait until `clears.at`, and put what you have to say into fewer messages.',
    explanation:
      'The policy limits how many messages one person gets in a window of time. Depending on the limit, a reply from the person starts the count anew. Many messages to one person without a reply also raise the risk score, so find out why the app writes so often.',
    customerMessage:
      'This person has received [{limit:message}|as many messages as allowed][ in {window}]. [You can write again at {time}|Please wait before you write again].',
    evidence: LIMIT_EVIDENCE,
    example: ({ now, recipient }) =>
      limitExample(recipient, now + 2 * HOUR, {
        limit_name: 'to_one_person',
        unit: 'message',
        window: 'rolling_24h',
        limit: 20,
        used: 20,
      }),
  },
} as const satisfies Record<string, ReasonEntry>;
