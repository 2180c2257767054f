/** The answers about messages as schemas, for the reference. */
import Type from 'typebox';
import {
  event,
  idText,
  limit,
  messageStatus,
  oneOf,
  orNull,
  reason,
  recipientStatus,
  risk,
  time,
  timeOrNull,
  warning,
} from '../http/schemas.ts';

const recipientFields = {
  id: idText('rcp'),
  email: Type.String({ examples: ['bob@example.com'] }),
  status: recipientStatus,
  scheduled_at: timeOrNull('When it leaves, where it waits for a time.'),
  possible_duplicate: Type.Boolean({ description: 'An earlier attempt may have reached the recipient as well.' }),
  reasons: Type.Array(reason),
  warnings: Type.Array(warning),
  limits: Type.Array(limit, { description: 'Limits of this recipient or its domain.' }),
};

const answerFields = {
  id: idText('msg'),
  status: messageStatus,
  created_at: time('When it was accepted.'),
  warnings: Type.Array(warning),
  limits: Type.Array(limit, { description: 'Headroom with this send counted.' }),
  risk,
  retry_at: timeOrNull('The earliest time at which a blocked recipient may be accepted.'),
  request_id: idText('req'),
};

export const acceptedSchema = Type.Object(
  {
    ...answerFields,
    recipients: Type.Array(Type.Object(recipientFields, { title: 'AcceptedRecipient' })),
  },
  { title: 'AcceptedMessage', description: 'What became of a send, by recipient.' },
);

const storedRecipient = Type.Object(
  {
    ...recipientFields,
    name: orNull(Type.String()),
    kind: oneOf(['to', 'cc', 'bcc']),
    next_attempt_at: timeOrNull('When it is tried next.'),
    attempts: Type.Integer(),
    closed_at: timeOrNull('When its last state was reached.'),
    route: orNull(
      Type.Object({
        provider: Type.Object({ id: Type.String(), name: Type.String() }),
        mailbox: orNull(Type.Object({ id: idText('mbx'), address: Type.String() }), {
          description: 'Null: the implied one.',
        }),
        why: Type.Array(Type.String(), {
          description:
            'What decided: `affinity`, `priority`, `health`, `remaining`, `warmup`, `weight`, `only`, `failover`.',
        }),
      }),
      { description: 'The way out that it counts on, for a tenant with providers or mailboxes of its own.' },
    ),
  },
  { title: 'Recipient' },
);

const storedFields = {
  id: answerFields.id,
  status: answerFields.status,
  created_at: answerFields.created_at,
  from: Type.String({ examples: ['Alice <alice@acme.example>'] }),
  subject: Type.String(),
  kind: oneOf(['transactional', 'marketing']),
  identity: orNull(Type.String()),
  agent: orNull(Type.String()),
  tags: Type.Array(Type.String()),
  metadata: Type.Unsafe<Record<string, string>>({ type: 'object', additionalProperties: { type: 'string' } }),
  thread_id: orNull(Type.String()),
  purpose: orNull(Type.String()),
  dedupe_key: orNull(Type.String()),
  template: orNull(Type.Object({ id: idText('tpl'), slug: Type.String(), version: Type.Integer() }), {
    description: 'The version that the content was made from.',
  }),
  send_at: timeOrNull('The departure asked for.'),
  expires_at: time('After this it is not tried again.'),
  content: Type.Object({
    stored: Type.Boolean({ description: 'Whether body and attachments are still kept.' }),
    size: Type.Integer({ description: 'Octets.' }),
    hash: orNull(Type.String(), { description: 'SHA-256 of what was refused.' }),
  }),
  repeats: Type.Integer({ description: 'How often the same send was refused again within a minute.' }),
  policy_version: Type.Integer(),
  retry_at: answerFields.retry_at,
  request_id: answerFields.request_id,
  recipients: Type.Array(storedRecipient),
};

export const messageSchema = Type.Object(storedFields, {
  title: 'MessageSummary',
  description: 'A message as it stands now.',
});

const attempt = Type.Object(
  {
    at: time('When it ended.'),
    recipient: Type.String({ description: 'Its address.' }),
    recipient_id: idText('rcp'),
    number: orNull(Type.Integer()),
    outcome: recipientStatus,
    provider: Type.String(),
    mailbox: orNull(Type.String()),
    why: Type.Array(Type.String(), {
      description:
        'Why this way out: `affinity`, `priority`, `health`, `remaining`, `warmup`, `weight`, `failover`, or the `only` one. Empty where there was nothing to choose from.',
    }),
    reply: Type.String({ examples: ['250 2.0.0 queued'] }),
    class: orNull(Type.String()),
  },
  { title: 'Attempt', description: 'One attempt to hand a recipient over.' },
);

const outcome = orNull(
  Type.Object({
    at: time('When.'),
    reply: orNull(Type.String({ examples: ['550 5.1.1 No such user'] })),
    class: orNull(Type.String({ examples: ['unknown_user'] }), { description: 'Of a bounce or deferral.' }),
    kind: orNull(oneOf(['hard', 'soft']), { description: 'Of a bounce.' }),
    after_delivered: Type.Boolean({ description: 'It bounced after it had been delivered.' }),
    waited_for: orNull(Type.String(), { description: 'Where it expired: what it waited for at the end.' }),
  }),
  { description: 'What brought it to this state; null before its first attempt.' },
);

export const wholeMessageSchema = Type.Object(
  {
    ...storedFields,
    recipients: Type.Array(Type.Object({ ...storedRecipient.properties, outcome }, { title: 'RecipientWithOutcome' })),
    warnings: answerFields.warnings,
    limits: answerFields.limits,
    risk,
    events: Type.Array(event, { description: 'All that happened to it, oldest first.' }),
    attempts: Type.Array(attempt),
  },
  { title: 'Message', description: 'A message as it stands now, and all that happened to it.' },
);

const traceLine = Type.Object(
  {
    rule: Type.String(),
    outcome: oneOf(['pass', 'warn', 'hold', 'block']),
    code: orNull(Type.String()),
    evidence: Type.Unsafe<object>({ type: 'object' }),
  },
  { title: 'TraceLine', description: 'One rule and what it found.' },
);

const verdictWord = oneOf(['accept', 'schedule', 'hold', 'block']);

export const checkedSchema = Type.Object(
  {
    verdict: oneOf(['accept', 'schedule', 'hold', 'block', 'partial']),
    recipients: Type.Array(
      Type.Object({
        email: Type.String(),
        verdict: verdictWord,
        scheduled_at: timeOrNull('When it would leave.'),
        reasons: Type.Array(reason),
        warnings: Type.Array(warning),
        limits: Type.Array(limit),
        trace: Type.Array(traceLine),
      }),
    ),
    warnings: Type.Array(warning),
    limits: Type.Array(limit, { description: 'Headroom as it stands: this send is not counted.' }),
    risk,
    retry_at: answerFields.retry_at,
    policy_version: Type.Integer(),
    engine: Type.Integer(),
    request_id: answerFields.request_id,
  },
  { title: 'CheckedMessage', description: 'What would become of a send.' },
);

const decision = Type.Object({
  email: Type.String(),
  verdict: verdictWord,
  reasons: Type.Array(reason),
  warnings: Type.Array(warning),
});

export const verdictSchema = Type.Object(
  {
    message_id: answerFields.id,
    policy_version: Type.Integer(),
    engine: Type.Integer(),
    reproduced: orNull(Type.Boolean(), {
      description:
        'Whether deciding again from the stored facts and policy gives the same verdict, to the last number; null for facts of another engine, which are shown as stored.',
    }),
    recipients: Type.Array(
      Type.Object({
        ...decision.properties,
        reproduced: orNull(Type.Boolean()),
        facts: orNull(Type.Unsafe<object>({ type: 'object' }), { description: 'What the decision was made on.' }),
        trace: Type.Array(traceLine),
        later: orNull(
          Type.Object({
            at: time('When.'),
            cause: oneOf(['departure', 'reschedule', 'release', 'change']),
            policy_version: Type.Integer(),
            ...decision.properties,
          }),
          {
            description:
              'What was decided afterwards: at the departure, for a new time, at the release of a hold, or after a change.',
          },
        ),
      }),
    ),
    now: Type.Optional(
      Type.Object(
        { at: time('When it was looked at.'), recipients: Type.Array(decision) },
        { description: 'With `now=true`: what would be decided now.' },
      ),
    ),
    changed: Type.Optional(
      Type.Array(
        Type.Object({
          email: Type.String(),
          added: Type.Array(Type.String({ description: 'Code of a reason.' })),
          removed: Type.Array(Type.String()),
        }),
        { description: 'With `now=true`: recipients for which other reasons stand now.' },
      ),
    ),
  },
  { title: 'Verdict', description: 'A decision with all that it followed from.' },
);
