/**
 * Reasons about who sends and through what: the From address, its domain, the identity, the provider. Order is
 * precedence.
 */

import { DAY, exampleId, MINUTE, type ReasonEntry } from './entry.ts';

const ASK_ADMIN = 'Please ask your administrator to check the sender settings.';

export const SENDER = {
  sender_not_authorized: {
    code: 'sender_not_authorized',
    title: 'Sender not authorized',
    category: 'sender',
    http: 403,
    smtp: { reply: 553, enhanced: '5.7.1' },
    retryable: false,
    clearsBy: ['tenant'],
    clearsAt: 'No time; an admin must allow the sender.',
    fault: 'tenant',
    detail:
      '[The address {from}|This sender address] may not be used[ by the identity {identity}][: {cause}][; allowed: {allowed}].',
    fix: 'Send from an address that this key and identity may use, or have an admin allow this one.',
    explanation:
      "The From address does not belong to the identity, or the key may not use this identity. A key can be bound to a list of identities, and an identity has its own addresses: its From address and those of its mailboxes. An address of a suspended identity is refused whoever names it, and so is the default sender of another account. Where a verified domain is asked for, the name beside the address may show no address of a domain that is not. This keeps one sender from writing in another's name.",
    words: {
      cause: {
        identity_address: 'it is not an address of that identity',
        key: 'the key is bound to other identities',
        suspended_address: 'it belongs to an identity that is suspended',
        another_account: 'it is the default sender of another account',
        display_name: 'it stands in the name of the sender, and its domain is not verified here',
      },
    },
    customerMessage: `The message was not sent, because this sender address is not allowed. ${ASK_ADMIN}`,
    evidence: {
      from: 'the From address',
      identity: 'the identity that was to send',
      cause: 'why: `identity_address`, `key`, `suspended_address`, `another_account` or `display_name`',
      allowed: 'what may be used in its place',
    },
    example: () => ({
      scope: { kind: 'identity', id: exampleId('idn') },
      clearsAt: null,
      evidence: {
        from: 'sales@acme.example',
        identity: 'alice',
        cause: 'identity_address',
        allowed: ['alice@acme.example'],
      },
    }),
  },
  domain_not_verified: {
    code: 'domain_not_verified',
    title: 'Sender domain not verified',
    category: 'sender',
    http: 403,
    smtp: { reply: 550, enhanced: '5.7.1' },
    retryable: false,
    clearsBy: ['tenant'],
    clearsAt: 'No time; it passes once the DNS records are found.',
    fault: 'tenant',
    detail:
      'The domain[ {domain}] of the From address is not verified here[ (state: {state})][; missing or wrong: {missing}].',
    fix: 'Add the domain with `POST /v1/domains` unless it is there, publish the records it shows, then call `POST /v1/domains/{id}/verify`.',
    explanation:
      'Mail that leaves the machine needs a sender domain whose DNS records prove that you own it. Without them receivers treat the message as forged. Register the domain, publish the records exactly as shown, and verify. A new record is often visible within minutes, but a resolver may keep the old answer as long as its TTL says. A domain that was verified and whose records are gone goes on for three days before it is refused.',
    words: {
      state: {
        absent: 'never added',
        pending: 'not verified yet',
        failing: 'its records are no longer found',
      },
    },
    customerMessage: `The message was not sent, because the sender domain is not set up completely. ${ASK_ADMIN}`,
    evidence: {
      domain: 'the domain of the From address',
      state: '`absent`, `pending` or `failing`',
      missing: 'the records that are missing or wrong',
    },
    example: () => ({
      scope: { kind: 'domain', id: exampleId('dom') },
      clearsAt: null,
      evidence: {
        domain: 'acme.example',
        state: 'pending',
        missing: ['_postern.acme.example TXT', 'pst7k2m9q._domainkey.acme.example TXT'],
      },
    }),
  },
  identity_inactive: {
    code: 'identity_inactive',
    title: 'Identity not active',
    category: 'sender',
    http: 409,
    smtp: { reply: 451, enhanced: '4.7.1' },
    retryable: true,
    clearsBy: ['time', 'tenant'],
    clearsAt: 'When provisioning is expected to end; null when the identity was switched off.',
    fault: 'tenant',
    detail: 'The identity[ {identity}] is [{state}|not active][ (since {since})][; it should be ready at {clears_at}].',
    fix: 'Wait until provisioning ends, have an admin activate the identity, or send with another one.',
    explanation:
      'The identity is still being set up, or an admin has switched it off. While it is `provisioning` it becomes active by itself, and `clears.at` gives the estimate. One that is `inactive` stays so until somebody activates it.',
    customerMessage:
      'This sender is not ready yet. [Please try again at {time}|Please try again later or ask your administrator].',
    cases: {
      time: {
        when: 'the identity is being provisioned',
        fix: 'Wait until provisioning ends, then send again.',
      },
      tenant: {
        when: 'the identity was switched off',
        fix: 'Have an admin activate the identity, or send with another one.',
      },
    },
    words: { state: { provisioning: 'still being set up', inactive: 'switched off' } },
    evidence: {
      identity: 'the handle of the identity',
      state: '`provisioning` or `inactive`',
      since: 'since when',
      ready_at: 'when provisioning should end',
    },
    example: ({ now }) => ({
      scope: { kind: 'identity', id: exampleId('idn') },
      clearsAt: now + 10 * MINUTE,
      clearsBy: ['time'],
      evidence: { identity: 'alice', state: 'provisioning', since: now - 5 * MINUTE, ready_at: now + 10 * MINUTE },
    }),
  },
  identity_suspended: {
    code: 'identity_suspended',
    title: 'Identity suspended',
    category: 'sender',
    http: 403,
    smtp: { reply: 550, enhanced: '5.7.1' },
    retryable: false,
    clearsBy: ['operator'],
    clearsAt: 'No time; the operator must lift it.',
    fault: 'tenant',
    detail: 'The operator suspended the identity[ {identity}][ at {since}][: {note}].',
    fix: 'Send with another identity, and contact the operator about this one.',
    explanation:
      'The operator has stopped this identity; the rest of the account may still send. Only the operator can set or lift a suspension. The note in the evidence says why, if one was given.',
    customerMessage: 'This sender is suspended. Please use another sender or contact support.',
    evidence: {
      identity: 'the handle of the identity',
      since: 'when it was suspended',
      note: "the operator's note",
    },
    example: ({ now }) => ({
      scope: { kind: 'identity', id: exampleId('idn') },
      clearsAt: null,
      evidence: { identity: 'alice', since: now - 2 * DAY, note: 'Complaints about unsolicited offers' },
    }),
  },
  no_active_provider: {
    code: 'no_active_provider',
    title: 'No active provider',
    category: 'sender',
    http: 503,
    smtp: { reply: 554, enhanced: '5.3.5' },
    retryable: false,
    clearsBy: ['tenant'],
    clearsAt: 'No time; a provider must be activated.',
    fault: 'tenant',
    detail: 'No provider that could carry this message is active[; inactive: {inactive}][ (identity {identity})].',
    fix: 'Activate a provider with `POST /v1/providers/{id}/activate`, or add one.',
    explanation:
      "Every provider this identity could use is deactivated, or there is none. The message was not accepted, since nothing could carry it. The gateway's own provider is listed as `default` and may have been deactivated for this tenant. `POST /v1/providers/{id}/test` says whether one works.",
    customerMessage: `The message was not sent, because no outgoing mail server is set up. ${ASK_ADMIN}`,
    evidence: {
      identity: 'the identity that was to send',
      inactive: 'the providers that are not active',
    },
    example: ({ tenant }) => ({
      scope: tenant,
      clearsAt: null,
      evidence: { identity: 'alice', inactive: ['default'] },
    }),
  },
} as const satisfies Record<string, ReasonEntry>;
