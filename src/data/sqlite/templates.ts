/**
 * Templates: the writes of their management, and the version that a send is made from.
 *
 * Invariants: the content of a version never changes, so that an approval is of exactly what was seen; only a person's key
 * approves or rejects; what decisions know of a template is kept with its space and read anew after any change.
 */
import type { TemplateFacts } from '../../policy/facts-template.ts';
import type { Refused } from '../port/management.ts';
import type {
  TemplateAnswer,
  TemplateRef,
  TemplateRow,
  TemplateSource,
  TemplatesWrites,
  TemplateUse,
} from '../port/templates.ts';
import { audit, by } from './audit.ts';
import type { WriteCalls } from './calls.ts';
import { prepared } from './database.ts';
import { notify } from './notices.ts';
import { refuseLoosening } from './policies.ts';
import { type Space, spaceOf } from './spaces.ts';
import { readTemplate, templateRowOf } from './templates-reads.ts';
import type { WriterState } from './writer-state.ts';

type Input = Parameters<TemplatesWrites['deleteTemplate']>[0];
type SubmitInput = Parameters<TemplatesWrites['submitTemplate']>[0];
type Action =
  | 'template.created'
  | 'template.changed'
  | 'template.deleted'
  | 'template.submitted'
  | 'template.approved'
  | 'template.rejected';

/** Versions of one space that are kept in memory. */
const MOST_KEPT = 2000;

function isTaken(state: WriterState, space: number, slug: string, id: string | null): boolean {
  const sql = 'SELECT 1 FROM template WHERE space = ? AND slug = ? AND deleted_at IS NULL AND (? IS NULL OR id <> ?)';
  return state.db.prepare(sql).get(space, slug, id, id) !== undefined;
}

function addVersion(state: WriterState, template: number, version: number, source: TemplateSource, author: string) {
  state.db
    .prepare(
      `INSERT INTO template_version (template, version, kind, subject, html, text, variables, state, author, created_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, 'draft', ?, ?)`,
    )
    .run(
      template,
      version,
      source.kind,
      source.subject,
      source.html,
      source.text,
      JSON.stringify(source.variables),
      author,
      state.realNow,
    );
}

/** After a change: what decisions read is read anew, and the log tells who did it. */
function finish(
  state: WriterState,
  input: Pick<Input, 'tenantNo' | 'mode' | 'actor'>,
  action: Action,
  template: TemplateRow,
  more: { note?: string | null; before?: unknown; after?: unknown } = {},
): TemplateAnswer {
  state.flushRows();
  state.spaces.forget(spaceOf(input.tenantNo, input.mode));
  const target = `${template.slug}:${template.version.version}`;
  audit(state, { tenantNo: input.tenantNo, mode: input.mode, ...by(input.actor), action, target, ...more });
  return { outcome: 'done', template };
}

/** Moves one version on, where its state allows it. */
function move(
  state: WriterState,
  input: Input & { version: number | null; note: string | null },
  from: 'draft' | 'submitted',
  to: 'submitted' | 'approved' | 'rejected',
): TemplateAnswer {
  const space = spaceOf(input.tenantNo, input.mode);
  const found = readTemplate(state.db, space, input.id, input.version ?? versionIn(state, space, input.id, from));
  if (found === null) return { outcome: 'missing' };
  const { version } = found;
  if (version.state !== from) return { outcome: 'conflict', version: version.version, state: version.state };
  const isDecision = to !== 'submitted';
  state.db
    .prepare(
      `UPDATE template_version SET state = ?, note = coalesce(?, note), submitted_at = coalesce(?, submitted_at),
       decided_at = ?, decided_by = ? WHERE no = ?`,
    )
    .run(
      to,
      input.note,
      isDecision ? null : state.realNow,
      isDecision ? state.realNow : null,
      isDecision ? input.actor.name : null,
      version.no,
    );
  const template = readTemplate(state.db, space, input.id, version.version)!;
  return finish(state, input, `template.${to}`, template, { note: input.note, before: from, after: to });
}

/** A version that waits for a person is told of, once. */
function tellPeople(state: WriterState, { tenantNo, mode, note, actor }: SubmitInput, template: TemplateRow): void {
  const { slug, id, version } = template;
  notify(state, state.spaces.get(spaceOf(tenantNo, mode)), {
    kind: 'template_approval',
    subject: `The template "${slug}" waits for approval in version ${version.version}`,
    lines: [
      `${actor.name} submitted it${note === null ? '' : `: ${note}`}.`,
      `A person decides, with a key that has \`approve\`: POST /v1/templates/${id}/approve or /reject.`,
    ],
    occasion: `${id} ${version.version}`,
  });
}

/** The newest version in a state; null: the newest of all. */
function versionIn(state: WriterState, space: number, id: string, wanted: 'draft' | 'submitted'): number | null {
  const row = templateRowOf(state.db, space, id);
  if (row === undefined || wanted === 'draft') return null;
  const found = state.db
    .prepare('SELECT max(version) AS version FROM template_version WHERE template = ? AND state = ?')
    .get(row['no'] as number, wanted) as { version: number | null };
  return found.version;
}

export const TEMPLATE_WRITES: WriteCalls<TemplatesWrites> = {
  createTemplate(state, input) {
    const space = spaceOf(input.tenantNo, input.mode);
    if (isTaken(state, space, input.slug, null)) return { outcome: 'taken' };
    const made = state.db
      .prepare('INSERT INTO template (id, space, slug, created_at, updated_at) VALUES (?, ?, ?, ?, ?)')
      .run(input.id, space, input.slug, state.realNow, state.realNow);
    addVersion(state, Number(made.lastInsertRowid), 1, input.source, input.actor.name);
    const template = readTemplate(state.db, space, input.id, 1)!;
    return finish(state, input, 'template.created', template, { after: { slug: input.slug, kind: input.source.kind } });
  },

  changeTemplate(state, input) {
    const space = spaceOf(input.tenantNo, input.mode);
    const before = readTemplate(state.db, space, input.id, null);
    if (before === null) return { outcome: 'missing' };
    const { slug = before.slug, change } = input;
    if (isTaken(state, space, slug, before.id)) return { outcome: 'taken' };
    state.db.prepare('UPDATE template SET slug = ?, updated_at = ? WHERE no = ?').run(slug, state.realNow, before.no);
    const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
    if (Object.keys(given).length > 0) {
      const source = { ...before.version, ...given };
      addVersion(state, before.no, before.newestVersion + 1, source, input.actor.name);
    }
    const template = readTemplate(state.db, space, before.id, null)!;
    const shown = (row: TemplateRow) => ({ slug: row.slug, version: row.newestVersion });
    return finish(state, input, 'template.changed', template, { before: shown(before), after: shown(template) });
  },

  deleteTemplate(state, input) {
    const space = spaceOf(input.tenantNo, input.mode);
    const template = readTemplate(state.db, space, input.id, null);
    if (template === null) return { outcome: 'missing' };
    state.db.prepare('UPDATE template SET deleted_at = ? WHERE no = ?').run(state.realNow, template.no);
    return finish(state, input, 'template.deleted', template, { before: { slug: template.slug } });
  },

  submitTemplate(state, input) {
    const submitted = move(state, input, 'draft', 'submitted');
    if (submitted.outcome === 'done') tellPeople(state, input, submitted.template);
    return submitted;
  },

  decideTemplate(state, input) {
    const refused = refuseDecision(input);
    return refused ?? move(state, input, 'submitted', input.decision);
  },

  templateFor(state, { tenantNo, mode, id, version }) {
    const space = state.spaces.get(spaceOf(tenantNo, mode));
    return { now: space.now(state.realNow), ref: templateRef(state, space, id, version) };
  },
};

/** Approving lets more out, so a person says why; rejecting is a person's too, but needs no words. */
function refuseDecision({ decision, note, actor }: Parameters<TemplatesWrites['decideTemplate']>[0]): Refused | null {
  return refuseLoosening(['template.state'], decision === 'rejected' ? (note ?? '') : note, actor);
}

/** The version that a send is made from; kept with the space, which forgets it with any change. */
function templateRef(state: WriterState, space: Space, id: string, version: number | null): TemplateRef | null {
  const key = `${version ?? ''}:${id}`;
  let ref = space.templates.get(key);
  if (ref === undefined) {
    ref = readRef(state, space, id, version);
    if (space.templates.size >= MOST_KEPT) space.templates.clear();
    space.templates.set(key, ref);
  }
  return ref;
}

function readRef(state: WriterState, space: Space, id: string, version: number | null): TemplateRef | null {
  const wantsApproved = version === null && space.policy.document.templates.require_approval === true;
  const row = prepared(
    state.db,
    `SELECT v.no, t.id, t.slug, v.kind, v.version, v.state FROM template t JOIN template_version v ON v.template = t.no
     WHERE t.space = ? AND (t.id = ? OR t.slug = ?) AND t.deleted_at IS NULL AND (? IS NULL OR v.version = ?)
     ORDER BY (? AND v.state = 'approved') DESC, v.version DESC LIMIT 1`,
  ).get(space.no, id, id, version, version, wantsApproved ? 1 : 0);
  return row === undefined ? null : ({ ...row } as unknown as TemplateRef);
}

/** The facts of a decision: what intake did with the template, and the state its version has now. */
export function templateFacts(state: WriterState, space: Space, use: TemplateUse | null): TemplateFacts | null {
  if (use === null) return null;
  const ref = use.found === null ? null : templateRef(state, space, use.found.id, use.found.version);
  const found = ref === null ? null : { id: ref.id, slug: ref.slug, version: ref.version, state: ref.state };
  return { ...use, asked: found === null ? (use.found?.slug ?? use.asked) : '', found };
}

/**
 * The same for a message that was decided on before, as a new send of it would find it: another version may be meant by now, of
 * which nothing is known until it is filled in.
 */
export function templateFactsAgain(
  state: WriterState,
  space: Space,
  before: TemplateFacts | null,
): TemplateFacts | null {
  if (before === null) return null;
  const ref = templateRef(state, space, before.found?.id ?? before.asked, before.askedVersion);
  if (ref === null || ref.version === before.found?.version) return templateFacts(state, space, before);
  return templateFacts(state, space, { ...before, found: ref, lints: [], failure: null });
}
