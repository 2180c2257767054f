/** Policy documents as requests bring them and answers show them. The note of a change stands beside the document's fields, or in the query. */
import Type, { type Static, type TSchema } from 'typebox';
import type { Issue } from '../core/explain.ts';
import { formatTime } from '../core/time.ts';
import type { PolicyState } from '../data/port/policies.ts';
import type { PolicyVersionRow } from '../data/store.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { overruled } from '../policy/resolve.ts';
import { policySchema } from '../policy/schema.ts';
import { validatePolicy } from '../policy/validate.ts';
import { CLOSED, NOTE, orNull } from './shapes.ts';

export const NOTE_QUERY = Type.Object({ note: Type.Optional(NOTE) }, CLOSED);

const MAX_NOTE = 1000;

/** The document's own schema with the note beside its fields. */
export function putPolicySchema(): TSchema {
  const { $schema: _schema, properties, ...rest } = policySchema();
  return Type.Unsafe({ ...rest, properties: { ...(properties as object), note: NOTE } });
}

/**
 * Bodies of documents are judged by the policy's own reader, which names every fault by its place: the schema of the route
 * describes them and checks nothing.
 */
export const judgedByReader = { validatorCompiler: () => () => true };

export type PolicyInput = { document: PolicyDocument; note: string | null };

export function readPolicyInput(body: unknown, query: unknown): PolicyInput | Issue[] {
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
  const { note: inBody, ...document } = (isObject ? body : {}) as { note?: unknown } & PolicyDocument;
  const { note: inQuery, ...strange } = query as { note?: unknown };
  const issues: Issue[] = Object.keys(strange).map((param) => ({
    code: 'unknown_parameter',
    param,
    message: 'There is no such parameter.',
  }));
  const note = inBody ?? inQuery ?? null;
  if (note !== null && (typeof note !== 'string' || note.trim() === '' || note.length > MAX_NOTE)) {
    issues.push({
      code: 'invalid_parameter',
      param: 'note',
      message: `It must be a text of 1 to ${MAX_NOTE} characters.`,
    });
  }
  const reading = validatePolicy(isObject ? document : body);
  if (!reading.ok) issues.push(...reading.errors);
  return reading.ok && issues.length === 0 ? { document: reading.document, note: note as string | null } : issues;
}

const DOCUMENT = Type.Unknown({ description: 'The document as it was put; `{}` where none was.' });

export const POLICY = Type.Object({
  document: DOCUMENT,
  version: Type.Integer({ description: 'Counts up with every change; 0: none was put.' }),
  author: orNull(Type.String()),
  note: orNull(Type.String()),
  updated_at: orNull(Type.String()),
  policy_version: Type.Integer({ description: 'The number by which verdicts name what is in force.' }),
  in_force: Type.Unknown({ description: 'What decides: every field, with everything inherited.' }),
  overruled: Type.Array(Type.String(), {
    description: 'Fields of the document that do not show in what is in force: something stricter rules there.',
  }),
});

export function policyBody(state: PolicyState, isOwn: boolean): Static<typeof POLICY> {
  const { own, inForce } = state;
  return {
    document: own?.document ?? {},
    version: own?.version ?? 0,
    author: own?.author ?? null,
    note: own?.note ?? null,
    updated_at: own === null ? null : formatTime(own.createdAt),
    policy_version: inForce.version,
    in_force: inForce.document,
    overruled: isOwn && own !== null ? overruled(own.document, inForce.document) : [],
  };
}

export const POLICY_VERSION = Type.Object({
  version: Type.Integer(),
  document: DOCUMENT,
  author: Type.String(),
  note: orNull(Type.String()),
  created_at: Type.String(),
});

export function versionBody(row: PolicyVersionRow): Static<typeof POLICY_VERSION> {
  const { version, document, author, note } = row;
  return { version, document, author, note, created_at: formatTime(row.createdAt) };
}
