/** Hooks by which other programs tell what came back, and the calls that they have made. */
import type { ReturnHookRow, ReturnHooksReads, ReturnHooksWrites } from '../port/return-hooks.ts';
import { audit, by } from './audit.ts';
import type { ReadCalls, WriteCalls } from './calls.ts';
import { prepared } from './database.ts';
import { below, pageOf } from './paging.ts';
import { reportReturn } from './returns.ts';
import type { Row } from './rows.ts';
import { modeOf, spaceOf, tenantNoOf } from './spaces.ts';

const MOST_HOOKS = 50;

function hookOf(row: Row): ReturnHookRow {
  return {
    id: row['id'] as string,
    name: row['name'] as string,
    createdAt: row['created_at'] as number,
    createdBy: row['created_by'] as string,
    usedAt: row['used_at'] as number | null,
  };
}

export const RETURN_HOOK_WRITES: WriteCalls<ReturnHooksWrites> = {
  createReturnHook(state, { tenantNo, mode, id, name, sealed, actor }) {
    const space = spaceOf(tenantNo, mode);
    const { n } = state.db.prepare('SELECT count(*) AS n FROM return_hook WHERE space = ?').get(space) as { n: number };
    if (n >= MOST_HOOKS) return { outcome: 'full' };
    state.db
      .prepare('INSERT INTO return_hook (id, space, name, sealed, created_at, created_by) VALUES (?, ?, ?, ?, ?, ?)')
      .run(id, space, name, sealed, state.realNow, actor.name);
    audit(state, { tenantNo, mode, ...by(actor), action: 'return_hook.created', target: id, after: { name } });
    return {
      outcome: 'done',
      hook: { id, name, createdAt: state.realNow, createdBy: actor.name, usedAt: null },
    };
  },

  deleteReturnHook(state, { tenantNo, mode, id, actor }) {
    const space = spaceOf(tenantNo, mode);
    const row = state.db.prepare('SELECT * FROM return_hook WHERE space = ? AND id = ?').get(space, id);
    if (row === undefined) return null;
    const hook = hookOf(row);
    state.db.prepare('DELETE FROM return_hook_call WHERE hook = ?').run(row['no'] as number);
    state.db.prepare('DELETE FROM return_hook WHERE no = ?').run(row['no'] as number);
    const before = { name: hook.name };
    audit(state, { tenantNo, mode, ...by(actor), action: 'return_hook.deleted', target: id, before });
    return hook;
  },

  reportHooked(state, { tenantNo, mode, hook, name, forgetBefore, returns }) {
    const { realNow } = state;
    prepared(state.db, 'DELETE FROM return_hook_call WHERE hook = ? AND at < ?').run(hook, forgetBefore);
    const first = prepared(state.db, 'INSERT OR IGNORE INTO return_hook_call (hook, name, at) VALUES (?, ?, ?)');
    if (first.run(hook, name, realNow).changes === 0) return null;
    prepared(state.db, 'UPDATE return_hook SET used_at = ? WHERE no = ?').run(realNow, hook);
    return returns.map((one) => reportReturn(state, { tenantNo, mode, ...one }));
  },
};

export const RETURN_HOOK_READS: ReadCalls<ReturnHooksReads> = {
  returnHooks(db, { tenantNo, mode, limit, cursor }) {
    const rows = prepared(db, 'SELECT * FROM return_hook WHERE space = ? AND no < ? ORDER BY no DESC LIMIT ?').all(
      spaceOf(tenantNo, mode),
      below(cursor),
      limit + 1,
    );
    const page = pageOf(rows, limit, (row) => String(row['no']));
    return { rows: page.rows.map(hookOf), next: page.next };
  },

  returnHook(db, { tenantNo, mode, id }) {
    const row = prepared(db, 'SELECT * FROM return_hook WHERE space = ? AND id = ?').get(spaceOf(tenantNo, mode), id);
    return row === undefined ? null : hookOf(row);
  },

  returnHookKey(db, { id }) {
    const row = prepared(db, 'SELECT no, space, sealed FROM return_hook WHERE id = ?').get(id);
    if (row === undefined) return null;
    const space = row['space'] as number;
    const sealed = row['sealed'] as Uint8Array;
    return { no: row['no'] as number, tenantNo: tenantNoOf(space), mode: modeOf(space), sealed };
  },
};
