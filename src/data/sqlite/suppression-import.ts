/** Suppressions by the file: each line like one added by itself, with one row in the audit log for the whole file. */
import type { ImportCounts, ImportedSuppression, SuppressionImportWrites } from '../port/suppression-import.ts';
import { audit, by } from './audit.ts';
import { prepared } from './database.ts';
import { type Space, spaceOf } from './spaces.ts';
import { addSuppression } from './suppressions.ts';
import type { WriterState } from './writer-state.ts';

type Input = Parameters<SuppressionImportWrites['importSuppressions']>[0];

export function importSuppressions(state: WriterState, input: Input): ImportCounts & { audit: number | null } {
  const space = state.spaces.get(spaceOf(input.tenantNo, input.mode));
  const counts: ImportCounts = { created: 0, extended: 0, unchanged: 0 };
  for (const one of input.suppressions) {
    const change = changeOf(state, space, one);
    counts[change] += 1;
    if (!input.isDryRun && change !== 'unchanged')
      addSuppression(state, space, { ...one, source: 'import', message: null });
  }
  return { ...counts, audit: input.isDryRun ? null : record(state, input, counts) };
}

function changeOf(state: WriterState, space: Space, one: ImportedSuppression): keyof ImportCounts {
  const known = prepared(
    state.db,
    'SELECT expires_at FROM suppression WHERE space = ? AND key = ? AND kind = ? AND reason = ?',
  ).get(space.no, one.key, one.kind, one.reason);
  if (known === undefined) return 'created';
  const ends = known['expires_at'] as number | null;
  return ends !== null && (one.expiresAt === null || one.expiresAt > ends) ? 'extended' : 'unchanged';
}

/** The row is written with the first part and tells of all parts that are stored, wherever the file breaks off. */
function record(state: WriterState, input: Input, counts: ImportCounts): number {
  const { tenantNo, mode, id, form, actor } = input;
  if (input.audit === null) {
    const after = { form, ...counts };
    return audit(state, { tenantNo, mode, ...by(actor), action: 'suppression.imported', target: id, after });
  }
  const row = prepared(state.db, 'SELECT after FROM audit WHERE no = ?').get(input.audit);
  const before = JSON.parse(String(row?.['after'] ?? '{}')) as Partial<ImportCounts>;
  const sum = {
    form,
    created: (before.created ?? 0) + counts.created,
    extended: (before.extended ?? 0) + counts.extended,
    unchanged: (before.unchanged ?? 0) + counts.unchanged,
  };
  prepared(state.db, 'UPDATE audit SET after = ? WHERE no = ?').run(JSON.stringify(sum), input.audit);
  return input.audit;
}
