/**
 * The body of POST /v1/messages as a JSON Schema (2020-12), for OpenAPI and for people. What it refuses, submission.ts
 * refuses too; what it cannot say (octets, addresses, which fields need each other) stands in the descriptions and is
 * judged there. Null is the same as absent in every optional field.
 */
import Type, { type TSchema, type TSchemaOptions } from 'typebox';

function orNull<Schema extends TSchema>(schema: Schema, options: TSchemaOptions) {
  return Type.Optional(Type.Union([schema, Type.Null()], options));
}

const closed = { additionalProperties: false };

const namedAddress = Type.Object(
  {
    email: Type.String({
      maxLength: 254,
      description:
        'A bare address (RFC 5321, RFC 6531): one, with a domain that has a dot; no comments, no IP address.',
      examples: ['eve@example.com', 'dörte@bücher.example'],
    }),
    name: orNull(Type.String({ maxLength: 998 }), {
      description: 'The display name; no control or bidirectional control characters.',
      examples: ['Eve'],
    }),
  },
  { ...closed, title: 'Address with a name' },
);

const addressText = Type.String({
  maxLength: 2250,
  title: 'Address as text',
  description: 'A bare address, or a name and the address in angle brackets.',
  examples: ['bob@example.com', 'Alice <alice@acme.example>'],
});

function address(options: TSchemaOptions) {
  return Type.Optional(Type.Union([addressText, namedAddress, Type.Null()], options));
}

/** Entries, repeats included; the hundred recipients are counted over all three lists, each address once. */
function addresses(maxItems: number, options: TSchemaOptions) {
  const list = Type.Array(Type.Union([addressText, namedAddress], { title: 'Address' }), { maxItems });
  return Type.Optional(Type.Union([addressText, namedAddress, list, Type.Null()], options));
}

const messageId = Type.String({
  maxLength: 996,
  pattern: '^<[^<>\\s]+@[^<>\\s]+>$',
  examples: ['<unique@example.com>'],
});

const filename = Type.String({
  maxLength: 4096,
  description:
    'Its base name is used, cut to 255 octets with the ending kept. Endings of files that run on opening are refused.',
  examples: ['q.pdf'],
});

const contentId = orNull(Type.String({ maxLength: 255 }), {
  description: 'For an image shown in the HTML as "cid:…"; one of its own in the message.',
  examples: ['q1'],
});

const file = Type.Object(
  {
    filename,
    content: Type.String({
      contentEncoding: 'base64',
      description: 'The bytes in base64 (RFC 4648 §4) with padding, without line ends.',
      examples: ['JVBERi0xLjcK'],
    }),
    content_type: orNull(Type.String({ maxLength: 255 }), {
      description: 'A media type (RFC 2045); "application/octet-stream" where absent. Types of programs are refused.',
      examples: ['application/pdf'],
    }),
    content_id: contentId,
  },
  { ...closed, title: 'File in the body' },
);

const upload = Type.Object(
  {
    attachment_id: Type.String({
      minLength: 1,
      maxLength: 255,
      description: 'From POST /v1/attachments, within 24 hours.',
      examples: ['att_01kaf2s0m8e7vrx0n3j5t9q4zc'],
    }),
    filename: orNull(filename, { description: 'Another name than that of the upload.' }),
    content_id: contentId,
  },
  { ...closed, title: 'Uploaded file' },
);

const template = Type.Object(
  {
    id: Type.String({ minLength: 1, maxLength: 128, description: 'Its slug or its id.', examples: ['quote-ready'] }),
    version: orNull(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }), {
      description: 'Absent: the newest; where the policy asks for approval, the newest that is approved.',
      examples: [3],
    }),
    data: orNull(Type.Unsafe<Record<string, unknown>>({ type: 'object' }), {
      description: 'Values for the variables of the template; numbers must be exact in a double.',
      examples: [{ customer: 'Bob', total: 42 }],
    }),
  },
  closed,
);

function stringMap(key: TSchemaOptions, value: TSchemaOptions, maxProperties: number) {
  return Type.Unsafe<Record<string, string>>({
    type: 'object',
    propertyNames: { type: 'string', ...key },
    additionalProperties: { type: 'string', ...value },
    maxProperties,
  });
}

const headers = stringMap(
  { minLength: 1, maxLength: 76, pattern: "^[!#$%&'*+.0-9A-Z^_`a-z|~-]+$" },
  { maxLength: 998 },
  50,
);
const metadata = stringMap({ maxLength: 64 }, { maxLength: 1000 }, 50);

function label(description: string, example: string, maxLength = 255) {
  return orNull(Type.String({ minLength: 1, maxLength }), { description, examples: [example] });
}

function word<Word extends string>(words: readonly [Word, ...Word[]], description: string) {
  const [fallback] = words;
  return orNull(Type.Unsafe<Word>({ type: 'string', enum: words }), { description, default: fallback });
}

function time(description: string) {
  return orNull(Type.String({ format: 'date-time', maxLength: 35 }), {
    description,
    examples: ['2026-12-01T09:00:00Z'],
  });
}

export const submissionSchema = Type.Object(
  {
    from: address({
      description:
        "The sender. Without it and without `identity`: the installation's default, else the tenant's only active " +
        'identity, else an address at the gateway itself.',
      examples: ['Alice <alice@acme.example>'],
    }),
    to: addresses(1000, {
      description:
        'One address or a list. 1 to 100 recipients over `to`, `cc` and `bcc`; an address given twice counts once, at ' +
        'its first place.',
      examples: [['bob@example.com', { email: 'eve@example.com', name: 'Eve' }]],
    }),
    cc: addresses(1000, { description: 'As `to`.' }),
    bcc: addresses(1000, { description: 'As `to`; in no header.' }),
    reply_to: addresses(25, { description: 'Where replies go.', examples: ['help@acme.example'] }),
    subject: orNull(Type.String({ minLength: 1, maxLength: 998 }), {
      description:
        '1 to 998 octets in UTF-8, without control or bidirectional control characters. Needed unless a template is ' +
        'named; beside one it takes the place of the template’s.',
      examples: ['Your quote'],
    }),
    text: orNull(Type.String(), {
      description: 'The plain text. At least one of `text`, `html` and `template` is needed.',
      examples: ['Dear Bob, here is your quote.'],
    }),
    html: orNull(Type.String(), { description: 'The HTML.', examples: ['<p>Dear Bob, here is your quote.</p>'] }),
    template: orNull(template, {
      description: 'A template to render; `subject`, `text` and `html` given beside it take the place of its own.',
    }),
    attachments: orNull(Type.Array(Type.Union([file, upload]), { maxItems: 10 }), {
      description: 'At most 10 files, 25 MB together.',
    }),
    headers: orNull(headers, {
      description: 'At most 50 headers of your own, values up to 998 octets; none that Postern writes.',
      examples: [{ 'X-Job': '42' }],
    }),
    tags: orNull(Type.Array(Type.String({ maxLength: 128 }), { maxItems: 20 }), {
      description: 'At most 20 tags of 128 characters, to filter by; kept as sent.',
      examples: [['quote']],
    }),
    metadata: orNull(metadata, {
      description: 'At most 50 keys of 64 characters with values of 1,000; comes back as sent, also in events.',
      examples: [{ job: '42' }],
    }),
    kind: word(['transactional', 'marketing'], 'Marketing mail follows consent and carries one-click unsubscribe.'),
    identity: label('The handle or id of the identity that sends.', 'alice'),
    thread_id: label('The conversation that this message belongs to.', 'thr_01kaf2s0m8e7vrx0n3j5t9q4zc'),
    in_reply_to: orNull(messageId, { description: 'The Message-ID of what this answers.' }),
    references: orNull(Type.Array(messageId, { maxItems: 100 }), {
      description: 'The Message-IDs of the conversation, oldest first.',
    }),
    agent: label('The agent that sends; it holds its contacts’ leases.', 'outreach-1'),
    lease_token: label('The current token of the contact’s lease.', 'lse_01kaf2s0m8e7vrx0n3j5t9q4zc'),
    purpose: label('Why this is sent, for those who review it.', 'quote follow-up'),
    dedupe_key: label('Accepted once in 30 days.', 'quote-42'),
    on_duplicate: word(
      ['replay', 'block'],
      'Whether an equal `dedupe_key` gives the first message again or is refused.',
    ),
    send_at: time('Not before this time (RFC 3339, any offset).'),
    on_limit: word(
      ['reject', 'defer'],
      'Whether a recipient stopped only by limits that clear by time waits for a place.',
    ),
    expires_at: time('After this time it is not tried again; later than `send_at`.'),
  },
  { ...closed, title: 'Submission', description: 'One message to send.' },
);
