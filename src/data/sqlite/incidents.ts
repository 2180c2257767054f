/**
 * Incidents: the operator stops one tenant over something that is looked into.
 *
 * An open incident that stopped a sending tenant, or took over the tenant's own pause, holds what it replaced and gives exactly
 * that back when it is closed: a tenant that had paused itself is paused by itself again. Of several open ones the last to be
 * closed does. What the operator has set by hand meanwhile stays.
 */
import { newId } from '../../base/ids.ts';
import type { Standing } from '../../policy/account.ts';
import type { IncidentRow, PlatformReads, PlatformWrites } from '../port/platform.ts';
import { setStanding, tellStanding } from './accounts.ts';
import { audit, by } from './audit.ts';
import type { ReadCalls, WriteCalls } from './calls.ts';
import { notify } from './notices.ts';
import { below, pageOf } from './paging.ts';
import { type Row, tenantOf } from './rows.ts';
import { spaceOf } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

type IncidentCalls = Pick<PlatformWrites, 'openIncident' | 'closeIncident'>;
type Writes = WriteCalls<IncidentCalls>;
type Reads = ReadCalls<PlatformReads>;

/** What a tenant's row held before an incident paused it. */
type Replaced = {
  standing: Standing;
  setBy: string;
  since: number;
  note: string | null;
  from: Standing | null;
  byPerson: boolean;
};

const SELECT = 'SELECT i.*, t.id AS tenant_id FROM incident i JOIN tenant t ON t.no = i.tenant';

function incidentOf(row: Row): IncidentRow {
  return {
    no: row['no'] as number,
    id: row['id'] as string,
    tenantId: row['tenant_id'] as string,
    note: row['note'] as string,
    openedAt: row['opened_at'] as number,
    openedBy: row['opened_by'] as string,
    closedAt: row['closed_at'] as number | null,
    closedBy: row['closed_by'] as string | null,
    closingNote: row['closing_note'] as string | null,
    isPausing: row['closed_at'] === null && row['replaced'] !== null,
  };
}

function incident(state: WriterState, id: string): Row {
  return state.db.prepare(`${SELECT} WHERE i.id = ?`).get(id)!;
}

function tenantRow(state: WriterState, where: 'id' | 'no', value: string | number): Row | undefined {
  return state.db.prepare(`SELECT * FROM tenant WHERE ${where} = ?`).get(value);
}

/** Pauses a tenant that sends, or that only the tenant itself has paused; answers with what it replaced. */
function pause(state: WriterState, row: Row, note: string): Replaced | null {
  const { no, standing, standingBy, standingSince, standingNote } = tenantOf(row);
  const isSending = standing === 'active' || standing === 'trial';
  if (!isSending && !(standing === 'paused' && standingBy === 'tenant')) return null;
  const from = row['paused_from'] as Standing | null;
  const byPerson = row['paused_by_person'] === 1;
  const interrupted = isSending ? standing : from;
  setStanding(state, no, {
    standing: 'paused',
    setBy: 'incident',
    since: state.realNow,
    note,
    from: interrupted,
    byPerson,
  });
  if (isSending) tellStanding(state, no, 'account.paused');
  return { standing, setBy: standingBy, since: standingSince, note: standingNote, from, byPerson };
}

/** Gives back what an incident replaced, unless another open one goes on, or somebody has set the standing since. */
function giveBack(state: WriterState, row: Row): void {
  const tenantNo = row['tenant'] as number;
  const tenant = tenantOf(tenantRow(state, 'no', tenantNo)!);
  if (row['replaced'] === null || tenant.standing !== 'paused' || tenant.standingBy !== 'incident') return;
  const other = state.db
    .prepare('SELECT no FROM incident WHERE tenant = ? AND closed_at IS NULL AND no <> ? ORDER BY no LIMIT 1')
    .get(tenantNo, row['no'] as number);
  if (other !== undefined) {
    const move = state.db.prepare('UPDATE incident SET replaced = ? WHERE no = ?');
    move.run(row['replaced'] as string, other['no'] as number);
    return;
  }
  const replaced = JSON.parse(row['replaced'] as string) as Replaced;
  setStanding(state, tenantNo, replaced);
  if (replaced.standing !== 'paused') tellStanding(state, tenantNo, 'account.resumed');
}

export const INCIDENT_WRITES: Writes = {
  openIncident(state, { tenantId, note, actor }) {
    const row = tenantRow(state, 'id', tenantId);
    if (row === undefined) return null;
    const no = row['no'] as number;
    const replaced = pause(state, row, note);
    const id = newId('inc');
    state.db
      .prepare('INSERT INTO incident (id, tenant, note, opened_at, opened_by, replaced) VALUES (?, ?, ?, ?, ?, ?)')
      .run(id, no, note, state.realNow, actor.name, replaced === null ? null : JSON.stringify(replaced));
    const standing = {
      before: { standing: row['standing'] },
      after: { standing: tenantOf(tenantRow(state, 'no', no)!).standing },
    };
    audit(state, { tenantNo: no, mode: null, ...by(actor), action: 'incident.opened', target: id, note, ...standing });
    notify(state, state.spaces.get(spaceOf(no, 'live')), {
      kind: 'incident',
      occasion: `${id} opened`,
      subject: 'Sending is paused while an incident is looked into',
      lines: [
        note,
        'New messages are refused with account_paused until the operator closes the incident. Messages accepted before are kept.',
      ],
    });
    return incidentOf(incident(state, id));
  },

  closeIncident(state, { tenantId, id, note, actor }) {
    const row = state.db.prepare(`${SELECT} WHERE i.id = ? AND t.id = ?`).get(id, tenantId);
    if (row === undefined) return { outcome: 'missing' };
    if (row['closed_at'] !== null) return { outcome: 'closed', incident: incidentOf(row) };
    const tenantNo = row['tenant'] as number;
    const before = tenantOf(tenantRow(state, 'no', tenantNo)!).standing;
    state.db
      .prepare('UPDATE incident SET closed_at = ?, closed_by = ?, closing_note = ? WHERE id = ?')
      .run(state.realNow, actor.name, note, id);
    giveBack(state, row);
    const after = tenantOf(tenantRow(state, 'no', tenantNo)!).standing;
    const standing = { before: { standing: before }, after: { standing: after } };
    audit(state, { tenantNo, mode: null, ...by(actor), action: 'incident.closed', target: id, note, ...standing });
    const goesOn = after !== 'paused';
    notify(state, state.spaces.get(spaceOf(tenantNo, 'live')), {
      kind: 'incident',
      occasion: `${id} closed`,
      subject: goesOn ? 'The incident is closed, and sending goes on' : 'The incident is closed',
      lines: [...(note === null ? [] : [note]), ...(goesOn ? [] : ['The account stays paused for another reason.'])],
    });
    return { outcome: 'closed_now', incident: incidentOf(incident(state, id)) };
  },
};

export const INCIDENT_READS: Reads = {
  incidents(db, { tenantNo, limit, cursor }) {
    const rows = db
      .prepare(`${SELECT} WHERE i.tenant = ? AND i.no < ? ORDER BY i.no DESC LIMIT ?`)
      .all(tenantNo, below(cursor), limit + 1);
    return pageOf(rows.map(incidentOf), limit, ({ no }) => String(no));
  },

  incidentById(db, { tenantNo, id }) {
    const row = db.prepare(`${SELECT} WHERE i.tenant = ? AND i.id = ?`).get(tenantNo, id);
    return row === undefined ? null : incidentOf(row);
  },
};
