/**
 * The tools, each a route under a name that a model knows what to do with. What a tool takes is its route's schema; who may use
 * it is its route's key check.
 *
 * Deliberately absent: whatever only a person may do. Nothing here approves, lifts, resumes or loosens, whosever key it is.
 */
import type { Shaping } from './input-schema.ts';
import { type Reason, type RecipientBody, reasonLine, recipientLines, warningLine } from './words.ts';

export type Body = Record<string, unknown>;

export type Told = {
  body: Body;
  /** The header `Idempotent-Replayed`. */
  isReplayed: boolean;
  /** The key that a send went by, whether it was made from the content, and when it is free again. */
  key: { text: string; isMade: boolean; until: string } | null;
};

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
const FULL = {
  full: {
    type: 'boolean',
    description: 'Also the rules that found nothing, and the facts that were decided on. Long.',
    default: false,
  },
};

export const TOOLS: readonly Tool[] = [
  {
    name: 'check_send',
    title: 'Check a send',
    description:
      'Says what would become of a message if it were sent now, with every reason that stands against it, and consumes nothing. Use it before sending when you are not sure; it takes the same arguments as send_message.',
    method: 'POST',
    url: '/v1/messages/check',
    shaping: { own: FULL },
    hints: READS,
    nothingDone: 'Nothing was checked: the message could not be sent in this form at all.',
    show: (body, args) => withRecipients(body, args['full'] === true ? null : withoutPassed),
    tell: ({ body }) => [
      `It would be: ${String(body['verdict'])}. Nothing was sent or counted.`,
      ...recipientLines(body['recipients'] as RecipientBody[]),
      ...warningLines(body),
    ],
  },
  {
    name: 'send_message',
    title: 'Send a message',
    description:
      'Sends an e-mail. It is safe to repeat: the same message sends once, however often the call is made, by `idempotency_key` or, without one, by a key made from its content (sender, recipients, subject, bodies, attachments, thread), which the answer shows; it is kept for 24 hours unless the policy says otherwise. To send the same message once more on purpose, set `again`. A refusal says what to do and when; it consumes nothing.',
    method: 'POST',
    url: '/v1/messages',
    shaping: {
      own: {
        idempotency_key: {
          type: 'string',
          pattern: '^[\\x21-\\x7e]{1,255}$',
          description: 'A name of your own for this send: 1 to 255 visible ASCII characters. The same name sends once.',
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
      'Says when each of a number of sends would leave under the limits in force, and which of them would be refused. Consumes and reserves nothing.',
    method: 'POST',
    url: '/v1/messages/plan',
    shaping: {
      brief: {
        message:
          'What each of them holds, with the fields of send_message; all may be left out. Without recipients each goes to somebody else, of whom nothing is known.',
      },
    },
    hints: READS,
    nothingDone: 'Nothing was planned.',
    tell: planText,
  },
  {
    name: 'get_limits',
    title: 'Get limits',
    description: 'What is left of each limit now, and when there will be more.',
    method: 'GET',
    url: '/v1/limits',
    shaping: {},
    hints: READS,
    nothingDone: 'Nothing was looked up.',
    tell: ({ body }) => limitsText(body),
  },
  {
    name: 'explain_message',
    title: 'Explain a message',
    description:
      'Why a message was accepted, scheduled, held or refused: the decision on each recipient with its reasons. With `now` also what would be decided now, which tells whether a refusal still stands; that consumes nothing.',
    method: 'GET',
    url: '/v1/messages/:id/verdict',
    shaping: { renamed: { id: 'message_id' }, own: FULL },
    hints: READS,
    nothingDone: 'Nothing was looked up.',
    show: (body, args) => withRecipients(body, args['full'] === true ? null : withoutFacts),
    tell: ({ body }) => verdictText(body),
  },
  {
    name: 'acquire_lease',
    title: 'Acquire a lease',
    description:
      'Takes an exclusive, expiring hold on a contact for an agent, so that no other agent writes to it meanwhile. Give the `token` of the answer as `lease_token` with your sends, and release the lease when you are done.',
    method: 'POST',
    url: '/v1/leases',
    shaping: {},
    hints: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
    nothingDone: 'The lease was not acquired: do not write to this contact.',
    tell: ({ body }) => [
      `Lease ${String(body['id'])} on ${String(body['contact'])} is held by ${String(body['agent'])} until ${String(body['expires_at'])}.`,
      'Give its token as `lease_token` with sends to this contact.',
    ],
  },
  {
    name: 'release_lease',
    title: 'Release a lease',
    description: "Gives a lease back before its end. Only its holder can; another agent's is released by a person.",
    method: 'POST',
    url: '/v1/leases/:id/release',
    shaping: { renamed: { id: 'lease_id' }, omitted: ['note'] },
    hints: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
    nothingDone: 'Nothing was released.',
    tell: ({ body }) => [`Lease ${String(body['id'])} on ${String(body['contact'])} is ${String(body['state'])}.`],
  },
  {
    name: 'list_approvals',
    title: 'List approvals',
    description:
      'Messages that wait for a person, or waited, newest first. Only a person decides on them: there is no tool that approves.',
    method: 'GET',
    url: '/v1/approvals',
    shaping: { defaults: { limit: 20 } },
    hints: READS,
    nothingDone: 'Nothing was looked up.',
    tell: ({ body }) =>
      listText(
        body,
        'approvals',
        ({ id, state, message_id: message, subject, expires_at: until, reasons }) =>
          `${id} ${state}: ${message} "${subject}", until ${until}, for ${(reasons as string[]).join(', ')}`,
      ),
  },
  {
    name: 'search_messages',
    title: 'Search messages',
    description:
      'Messages sent or refused before, newest first, by recipient, status, tag, reason, time or words of the subject. Use it to see whether something was sent already.',
    method: 'GET',
    url: '/v1/messages',
    shaping: { defaults: { limit: 20 } },
    hints: READS,
    nothingDone: 'Nothing was looked up.',
    tell: ({ body }) =>
      listText(
        body,
        'messages',
        ({ id, status, created_at: at, subject, recipients }) =>
          `${id} ${status} ${at} "${subject}" to ${(recipients as { email: string }[]).map(({ email }) => email).join(', ')}`,
      ),
  },
  {
    name: 'suppress',
    title: 'Suppress an address',
    description:
      'Sees to it that an address or a domain gets no more mail, for example because the person asked for it. Lifting it again takes a person.',
    method: 'POST',
    url: '/v1/suppressions',
    shaping: {},
    hints: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
    nothingDone: 'Nothing was suppressed.',
    tell: ({ body }) => [
      `${String(body['email'] ?? body['domain'])} is suppressed (${String(body['reason'])}, ${String(body['id'])}), ${body['expires_at'] === null ? 'without end' : `until ${String(body['expires_at'])}`}. Only a person can lift it.`,
    ],
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

/** Warnings about the whole message that stand with none of its recipients. */
function warningLines(body: Body): string[] {
  const told = new Set((body['recipients'] as RecipientBody[]).flatMap(({ warnings }) => warnings.map(warningLine)));
  const lines = ((body['warnings'] ?? []) as RecipientBody['warnings']).map(warningLine);
  return lines.filter((line) => !told.has(line)).map((line) => `Warning ${line}`);
}

function sentText({ body, isReplayed, key }: Told): string[] {
  const { id, status } = body;
  const recipients = body['recipients'] as RecipientBody[];
  const lines = [
    isReplayed
      ? `Sent already: this repeats ${id}, and nothing more was sent. What follows is what was answered first.`
      : `Taken on as ${id}: ${status}.`,
    ...recipientLines(recipients),
    ...warningLines(body),
  ];
  if (recipients.some((one) => one.status === 'held')) {
    lines.push(
      'What is held waits for a person: do not send it again, and do not ask for it to be hurried by sending more.',
    );
  }
  if (recipients.some((one) => one.status === 'blocked')) {
    lines.push('To try those that are blocked once more, when they may be, send to them alone.');
  }
  if (key !== null) {
    const made = key.isMade ? ', made from the content' : '';
    lines.push(`Idempotency key ${key.text}${made}: until ${key.until} the same call sends nothing more.`);
  }
  return lines;
}

function planText({ body }: Told): string[] {
  const departures = body['departures'] as { at: string; count: number }[];
  const blocked = body['blocked'] as { email: string | null; count: number; reasons: Reason[] }[];
  const lines = [`Of ${body['count']} sends, by the time of leaving:`];
  for (const { at, count } of departures.slice(0, 20)) lines.push(`- ${at}: ${count}`);
  if (departures.length > 20) lines.push(`- and ${departures.length - 20} later times`);
  if (departures.length === 0) lines.push('- none');
  if (body['last_at'] !== null) lines.push(`The last would leave at ${body['last_at']}.`);
  if (body['binding'] !== null) lines.push(`The limit they wait for: ${body['binding']}.`);
  for (const { email, count, reasons } of blocked) {
    lines.push(
      `Not sent: ${count}${email === null ? '' : ` to ${email}`}.`,
      ...reasons.map((one) => `- ${reasonLine(one)}`),
    );
  }
  return lines;
}

type LimitLine = { name: string; scope: { kind: string; id: string }; unit: string; window: string } & Record<
  'limit' | 'remaining' | 'resets_at',
  unknown
>;

function limitsText(body: Body): string[] {
  const limits = body['data'] as LimitLine[];
  if (limits.length === 0) return ['No limits apply.'];
  const lines = limits.map(
    ({ name, scope, unit, window, limit, remaining, resets_at: at }) =>
      `- ${name} (${scope.kind} ${scope.id}, ${window}): ${remaining} of ${limit} ${unit}s left${at === null ? '' : `, more at ${at}`}`,
  );
  return [...lines, `The tightest: ${body['binding']}.`];
}

type Decided = RecipientBody & {
  verdict: string;
  later?: { at: string; cause: string; verdict: string; reasons: Reason[] } | null;
};

function verdictText(body: Body): string[] {
  const recipients = body['recipients'] as Decided[];
  const lines = [`${body['message_id']} was decided so:`, ...recipientLines(recipients)];
  for (const { email, later } of recipients) {
    if (later == null) continue;
    lines.push(`${email} was decided again at ${later.at} (${later.cause}): ${later.verdict}`);
    lines.push(...later.reasons.map((reason) => `- ${reasonLine(reason)}`));
  }
  const now = body['now'] as { at: string; recipients: Decided[] } | undefined;
  if (now !== undefined) lines.push(`Decided now, at ${now.at}, it would be:`, ...recipientLines(now.recipients));
  return lines;
}

function listText(body: Body, what: string, line: (one: Record<string, unknown>) => string): string[] {
  const data = body['data'] as Record<string, unknown>[];
  const next = body['next_cursor'];
  const lines = data.map((one) => `- ${line(one)}`);
  if (data.length === 0) lines.push(`No ${what} found${next === null ? '' : ' on this page'}.`);
  if (next !== null) lines.push(`There are more: call again with \`cursor\` "${next}".`);
  return lines;
}
