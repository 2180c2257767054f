/** Templates and their versions, read. */
import type { DatabaseSync } from 'node:sqlite';
import type { TemplateRow, TemplateSource, TemplatesReads, TemplateVersion } from '../port/templates.ts';
import type { ReadCalls } from './calls.ts';
import { below, pageOf } from './paging.ts';
import type { Row } from './rows.ts';
import { spaceOf } from './spaces.ts';

function sourceOf(row: Row): TemplateSource {
  return {
    kind: row['kind'] as TemplateSource['kind'],
    subject: row['subject'] as string,
    html: row['html'] as string | null,
    text: row['text'] as string | null,
    variables: JSON.parse(row['variables'] as string) as TemplateSource['variables'],
  };
}

function versionOf(row: Row): TemplateVersion {
  return {
    ...sourceOf(row),
    no: row['no'] as number,
    version: row['version'] as number,
    state: row['state'] as TemplateVersion['state'],
    author: row['author'] as string,
    createdAt: row['created_at'] as number,
    submittedAt: row['submitted_at'] as number | null,
    decidedAt: row['decided_at'] as number | null,
    decidedBy: row['decided_by'] as string | null,
    note: row['note'] as string | null,
  };
}

/** The row of a template that is still there, by id or slug. */
export function templateRowOf(db: DatabaseSync, space: number, id: string): Row | undefined {
  return db
    .prepare('SELECT * FROM template WHERE space = ? AND (id = ? OR slug = ?) AND deleted_at IS NULL')
    .get(space, id, id);
}

/** With the version asked for; `version` null: the newest. Null where there is no such version. */
function whole(db: DatabaseSync, row: Row, version: number | null): TemplateRow | null {
  const no = row['no'] as number;
  const numbers = db
    .prepare(
      `SELECT max(version) AS newest, max(CASE WHEN state = 'approved' THEN version END) AS approved
       FROM template_version WHERE template = ?`,
    )
    .get(no) as { newest: number; approved: number | null };
  const shown = db
    .prepare('SELECT * FROM template_version WHERE template = ? AND version = ?')
    .get(no, version ?? numbers.newest);
  if (shown === undefined) return null;
  return {
    no,
    id: row['id'] as string,
    slug: row['slug'] as string,
    newestVersion: numbers.newest,
    approvedVersion: numbers.approved,
    createdAt: row['created_at'] as number,
    updatedAt: row['updated_at'] as number,
    version: versionOf(shown),
  };
}

export function readTemplate(db: DatabaseSync, space: number, id: string, version: number | null): TemplateRow | null {
  const row = templateRowOf(db, space, id);
  return row === undefined ? null : whole(db, row, version);
}

export const TEMPLATE_READS: ReadCalls<TemplatesReads> = {
  templates(db, { tenantNo, mode, limit, cursor }) {
    const rows = db
      .prepare('SELECT * FROM template WHERE space = ? AND deleted_at IS NULL AND no < ? ORDER BY no DESC LIMIT ?')
      .all(spaceOf(tenantNo, mode), below(cursor), limit + 1);
    const page = pageOf(rows, limit, (row: Row) => String(row['no']));
    return { rows: page.rows.map((row) => whole(db, row, null)!), next: page.next };
  },

  template(db, { tenantNo, mode, id, version }) {
    return readTemplate(db, spaceOf(tenantNo, mode), id, version);
  },

  templateVersions(db, { tenantNo, mode, id, limit, cursor }) {
    const row = templateRowOf(db, spaceOf(tenantNo, mode), id);
    if (row === undefined) return null;
    const rows = db
      .prepare('SELECT * FROM template_version WHERE template = ? AND version < ? ORDER BY version DESC LIMIT ?')
      .all(row['no'] as number, below(cursor), limit + 1);
    const page = pageOf(rows, limit, (one: Row) => String(one['version']));
    return { rows: page.rows.map(versionOf), next: page.next };
  },

  templateSource(db, { tenantNo, mode, no }) {
    const row = db
      .prepare(
        `SELECT v.* FROM template_version v JOIN template t ON t.no = v.template
         WHERE v.no = ? AND t.space = ?`,
      )
      .get(no, spaceOf(tenantNo, mode));
    return row === undefined ? null : sourceOf(row);
  },
};
