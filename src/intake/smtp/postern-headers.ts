/** The headers by which a mail says what a request says in its fields: they are read here and never go out. */
import { type FieldErrors, within } from '../field-errors.ts';

const PREFIX = 'x-postern-';
const METADATA = 'metadata-';
/** Says what Postern itself wrote on a mail that comes by again. */
const OWN = new Set(['possible-duplicate']);

/** Fields of a submission by the header that sets them. */
const SINGLE = {
  identity: 'identity',
  kind: 'kind',
  'dedupe-key': 'dedupe_key',
  agent: 'agent',
  'send-at': 'send_at',
  'idempotency-key': 'idempotency_key',
} as const;

type Field = (typeof SINGLE)[keyof typeof SINGLE];

export type PosternHeaders = {
  [Name in Field]: string | null;
} & { tags: string[]; metadata: Record<string, string> };

export function isPosternHeader(name: string): boolean {
  return name.toLowerCase().startsWith(PREFIX);
}

/** One that nobody knows is an error, so that a slip of the pen is noticed and no key is lost by it. */
export function readPosternHeaders(
  headers: readonly (readonly [name: string, value: string])[],
  errors: FieldErrors,
): PosternHeaders {
  const fields = new Map<Field, string>();
  const metadata = new Map<string, string>();
  const tags: string[] = [];
  for (const [name, text] of headers) {
    if (!isPosternHeader(name)) continue;
    const short = name.slice(PREFIX.length).toLowerCase();
    const value = text.trim();
    const twice = (): void => errors.invalid(within('headers', name), 'This header stands at most once.');
    if (short === 'tag') tags.push(value);
    else if (short.startsWith(METADATA) && short.length > METADATA.length) {
      const key = short.slice(METADATA.length);
      if (metadata.has(key)) twice();
      metadata.set(key, value);
    } else if (Object.hasOwn(SINGLE, short)) {
      const field = SINGLE[short as keyof typeof SINGLE];
      if (fields.has(field)) twice();
      fields.set(field, value);
    } else if (!OWN.has(short)) {
      errors.add('unknown_parameter', within('headers', name), 'There is no such header of Postern.');
    }
  }
  const of = (field: Field): string | null => fields.get(field) ?? null;
  return {
    identity: of('identity'),
    kind: of('kind'),
    dedupe_key: of('dedupe_key'),
    agent: of('agent'),
    send_at: of('send_at'),
    idempotency_key: of('idempotency_key'),
    tags,
    metadata: Object.assign(Object.create(null) as Record<string, string>, Object.fromEntries(metadata)),
  };
}
