/**
 * The tools, each a route under a name that a model knows what to do with. What a tool takes is its route's schema; who may use
 * it is its route's key check.
 *
 * Deliberately absent: whatever only a person may do. Nothing here approves, lifts, resumes or loosens, whosever key it is.
 */
import {
  approvalsText,
  type Body,
  checkText,
  leaseText,
  limitsText,
  messagesText,
  planText,
  releaseText,
  sentText,
  suppressText,
  type Told,
  verdictText,
} from './answer-texts.ts';
import type { Properties, Shaping } from './input-schema.ts';

export type Tool = {
  name: string;
  title: string;
  description: string;
  method: 'GET' | 'POST';
  url: string;
  shaping: Shaping;
  hints: { readOnlyHint: boolean; destructiveHint?: boolean; idempotentHint?: boolean; openWorldHint?: boolean };
  /** Said of a refusal. */
  nothingDone: string;
  /** Whether it sends, so that its calls go by an idempotency key. */
  sends?: boolean;
  /** What of the answer is shown; the whole where it says nothing. */
  show?: (body: Body, args: Body) => Body;
  tell: (told: Told) => string[];
};

const READS = { readOnlyHint: true, openWorldHint: false };
const KEEPS = { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false };

const FULL = {
  full: {
    type: 'boolean',
    description: 'Also the rules that found nothing, and the facts that were decided on. Long.',
    default: false,
  },
};

/** The routes take objects with a name as well; one form is enough for a model. */
const addresses = (description: string): Properties[string] => ({
  anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }],
  description,
});

const MESSAGE = {
  from: {
    type: 'string',
    description:
      'The sender, as "alice@acme.example" or "Alice <alice@acme.example>". Left out, it is the one that is set up for this key.',
  },
  to: addresses(
    'Who gets it: "bob@example.com", or "Bob <bob@example.com>", or a list of these. 1 to 100 recipients over `to`, `cc` and `bcc`, each with a verdict of its own.',
  ),
  cc: addresses('As `to`.'),
  bcc: addresses('As `to`; nobody else sees them.'),
  reply_to: addresses('Where replies go, where that is not the sender.'),
  in_reply_to: { description: 'The Message-ID of what this answers, such as "<abc@mail.example>".' },
  references: {
    type: 'array',
    items: { type: 'string' },
    description: 'The Message-IDs of the conversation, oldest first.',
  },
  agent: { description: 'The agent that sends. Left out, it is that of the key or the connection.' },
  lease_token: {
    description: 'The `token` that acquire_lease gave for this contact. Not needed by the agent that holds the lease.',
  },
  dedupe_key: { description: 'A name for what is said, such as "quote-42": it is accepted once in 30 days.' },
  on_limit: {
    description:
      'What becomes of a recipient that only a limit or a cooldown stops: "reject" refuses it, "defer" keeps it until there is a place (it is `scheduled`).',
  },
  send_at: { description: 'Not before this time, such as "2026-12-01T09:00:00Z". Left out: now.' },
  expires_at: {
    description: 'After this time it is not tried any more, such as "2026-12-02T09:00:00Z"; later than `send_at`.',
  },
} satisfies Properties;

const TIME = (which: string) => ({ format: 'date-time', description: `${which}, such as "2026-12-01T09:00:00Z".` });

export const TOOLS: readonly Tool[] = [
  {
    name: 'check_send',
    title: 'Check a send',
    description:
      'Says what would become of a message if it were sent now, with every reason that stands against it. Sends, counts and keeps nothing. Use it when you are not sure that a send would pass; it takes the arguments of send_message.',
    method: 'POST',
    url: '/v1/messages/check',
    shaping: { said: MESSAGE, own: FULL, passedOver: ['idempotency_key', 'again'] },
    hints: READS,
    nothingDone: 'Nothing was checked: the message could not be sent in this form at all.',
    show: (body, args) => withRecipients(body, args['full'] === true ? null : withoutPassed),
    tell: checkText,
  },
  {
    name: 'send_message',
    title: 'Send a message',
    description:
      'Sends an e-mail. It needs `to` (or `cc`, `bcc`), `subject`, and `text`, `html` or a `template`. It is safe to repeat: the same message sends once, however often the call is made, by `idempotency_key` or, without one, by a key made from sender, recipients, subject, bodies, attachments and thread; the answer shows it and until when it is kept. To send the same message once more on purpose, set `again`. Another text to the same person is another message. A refusal consumes nothing and says what to do and when.',
    method: 'POST',
    url: '/v1/messages',
    shaping: {
      said: MESSAGE,
      own: {
        idempotency_key: {
          type: 'string',
          pattern: '^[\\x21-\\x7e]{1,255}$',
          description:
            'A name of your own for this send, such as "quote-42-mail-1": 1 to 255 visible ASCII characters. The same name sends once.',
        },
        again: {
          anyOf: [{ type: 'boolean' }, { type: 'string', minLength: 1, maxLength: 255 }],
          description:
            'true: the same message is meant to go out once more. For each further repeat a word of its own, for example "third". The same word sends once. Not beside `idempotency_key`.',
        },
      },
    },
    hints: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
    nothingDone: 'Nothing was sent and nothing was counted.',
    sends: true,
    tell: sentText,
  },
  {
    name: 'plan_sends',
    title: 'Plan sends',
    description:
      'Says when each of `count` sends would leave under the limits in force, and which of them would be refused. Reserves nothing. Use it before sending to many, and then give send_message the times as `send_at`, or "on_limit": "defer".',
    method: 'POST',
    url: '/v1/messages/plan',
    shaping: {
      said: {
        message: {
          type: 'object',
          description:
            'What each of them holds, with the fields of send_message; all may be left out. Without recipients each goes to somebody else, of whom nothing is known.',
        },
        by: TIME('The latest departure that is of use; what finds no place until then is in `blocked`'),
      },
    },
    hints: READS,
    nothingDone: 'Nothing was planned.',
    tell: planText,
  },
  {
    name: 'get_limits',
    title: 'Get limits',
    description:
      'What is left of each limit on sending now, and when there will be more. For one message ask check_send, for many plan_sends.',
    method: 'GET',
    url: '/v1/limits',
    shaping: {},
    hints: READS,
    nothingDone: 'Nothing was looked up.',
    tell: limitsText,
  },
  {
    name: 'explain_message',
    title: 'Explain a message',
    description:
      'Why a message was accepted, scheduled, held or refused: the decision on each recipient with its reasons. With `now` also what would be decided now, which tells whether a refusal still stands; that consumes nothing.',
    method: 'GET',
    url: '/v1/messages/:id/verdict',
    shaping: {
      renamed: { id: 'message_id' },
      said: {
        id: {
          description:
            'Its id: "msg_…", as the answer or refusal of send_message, search_messages and list_approvals have it.',
        },
        now: { description: 'Whether to decide once more, as of now.', default: false },
      },
      own: FULL,
    },
    hints: READS,
    nothingDone: 'Nothing was looked up.',
    show: (body, args) => withRecipients(body, args['full'] === true ? null : withoutFacts),
    tell: verdictText,
  },
  {
    name: 'acquire_lease',
    title: 'Acquire a lease',
    description:
      'Takes an exclusive, expiring hold on a contact for an agent, so that no other agent writes to it meanwhile. Use it before writing to somebody whom other agents may write to as well; give the `token` of the answer as `lease_token` with your sends, and release the lease when you are done.',
    method: 'POST',
    url: '/v1/leases',
    shaping: {
      said: {
        contact: { description: 'The address of the contact: "bob@example.com".' },
        agent: {
          description: 'The agent that is to hold it, by name. Left out, it is that of the key or the connection.',
        },
        ttl_seconds: { description: 'How long it holds, in seconds: 1 to 604800 (seven days), for example 600.' },
        purpose: { description: 'What you are about, in a few words, for people who look.' },
      },
    },
    hints: KEEPS,
    nothingDone: 'The lease was not acquired: do not write to this contact.',
    tell: leaseText,
  },
  {
    name: 'release_lease',
    title: 'Release a lease',
    description: "Gives a lease back before its end. Only its holder can; another agent's is released by a person.",
    method: 'POST',
    url: '/v1/leases/:id/release',
    shaping: {
      renamed: { id: 'lease_id' },
      omitted: ['note'],
      said: {
        id: { type: 'string', description: 'Its id: "lse_…", as acquire_lease gave it.' },
        token: { description: 'Its `token`, as acquire_lease gave it: it proves the holder.' },
        agent: { description: 'The agent that holds it. Left out, it is that of the key or the connection.' },
      },
    },
    hints: KEEPS,
    nothingDone: 'Nothing was released.',
    tell: releaseText,
  },
  {
    name: 'list_approvals',
    title: 'List approvals',
    description:
      'Messages that wait for a person, or waited, newest first. Use it to see whether a held message was decided on. Only a person decides: there is no tool that approves.',
    method: 'GET',
    url: '/v1/approvals',
    shaping: {
      said: {
        limit: { default: 20, description: 'How many: 1 to 200.' },
        state: { type: 'string', description: 'Only those in this state. Left out: all.' },
      },
    },
    hints: READS,
    nothingDone: 'Nothing was looked up.',
    tell: approvalsText,
  },
  {
    name: 'search_messages',
    title: 'Search messages',
    description:
      'Messages sent or refused before, newest first. All filters given must fit. Use it to see whether something was sent already, to whom, and what became of it.',
    method: 'GET',
    url: '/v1/messages',
    shaping: {
      said: {
        limit: { default: 20, description: 'How many: 1 to 200.' },
        recipient: { description: 'An address, whole, in any letter case: "bob@example.com".' },
        tag: { description: 'A tag that the send had, whole.' },
        // Sixty-five words that a model has from an answer, if at all.
        reason: { type: 'string', description: 'The code of a reason of any of its recipients, such as "suppressed".' },
        since: TIME('From this time on'),
        until: TIME('Before this time'),
      },
    },
    hints: READS,
    nothingDone: 'Nothing was looked up.',
    tell: messagesText,
  },
  {
    name: 'suppress',
    title: 'Suppress an address',
    description:
      'Sees to it that an address (`email`) or a whole domain (`domain`) gets no more mail, for example because the person asked for it. Give one of the two. Lifting it again takes a person.',
    method: 'POST',
    url: '/v1/suppressions',
    shaping: {
      said: {
        email: { description: 'The address: "bob@example.com".' },
        domain: { description: 'The domain, with all its addresses: "example.com".' },
        reason: {
          type: 'string',
          description:
            'Why: "unsubscribe" (the person wants no more mail), "manual_dnc" (you decided not to write), "complaint" (reported as spam), "hard_bounce" (the address does not exist), "legal_request", "role_account".',
        },
        expires_at: {
          ...TIME('When it ends by itself'),
          description: 'When it ends by itself, such as "2027-03-01T00:00:00Z". Left out: never.',
        },
      },
    },
    hints: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
    nothingDone: 'Nothing was suppressed.',
    tell: suppressText,
  },
];

type Traced = { trace?: { outcome: string }[]; facts?: unknown };

function withRecipients(body: Body, change: ((one: Traced) => Traced) | null): Body {
  return change === null ? body : { ...body, recipients: (body['recipients'] as Traced[]).map(change) };
}

function withoutPassed(one: Traced): Traced {
  return { ...one, trace: one.trace?.filter(({ outcome }) => outcome !== 'pass') };
}

function withoutFacts(one: Traced): Traced {
  const { facts: _facts, ...rest } = withoutPassed(one);
  return rest;
}
