/** Lists and single rows of what is managed: tenants, keys, apps, installations, plans, audit, versions of policies. */
import type { EffectiveDocument } from '../../policy/document.ts';
import type { AuditRow, ManagementReads } from '../port/management.ts';
import type { PoliciesReads } from '../port/policies.ts';
import type { ReadCalls } from './calls.ts';
import { appOf, INSTALLATION_SELECT, installationOf, planOf } from './catalog.ts';
import { below, pageOf } from './paging.ts';
import { placeOf, policyVersionOf } from './policies.ts';
import { keyOf, type Row, tenantOf } from './rows.ts';
import { KEY_SELECT } from './tenants.ts';

type Reads = ManagementReads & PoliciesReads;
function auditRowOf(row: Row): AuditRow {
  const json = (value: unknown): unknown => (value === null ? null : JSON.parse(value as string));
  return {
    no: row['no'] as number,
    tenantId: row['tenant_id'] as string | null,
    mode: row['mode'] as AuditRow['mode'],
    at: row['at'] as number,
    actor: row['actor'] as string,
    actorId: row['actor_id'] as string | null,
    agent: row['agent'] as string | null,
    action: row['action'] as string,
    target: row['target'] as string | null,
    note: row['note'] as string | null,
    before: json(row['before']),
    after: json(row['after']),
  };
}

export const MANAGEMENT_READS: ReadCalls<Reads> = {
  keyByPrefix(db, { prefix }) {
    const row = db.prepare(`${KEY_SELECT} WHERE k.prefix = ?`).get(prefix);
    return row === undefined ? null : keyOf(row);
  },

  keysOfTenant(db, { tenantNo }) {
    return db.prepare(`${KEY_SELECT} WHERE k.tenant = ? ORDER BY k.no`).all(tenantNo).map(keyOf);
  },

  tenantById(db, { id }) {
    const row = db.prepare('SELECT * FROM tenant WHERE id = ?').get(id);
    return row === undefined ? null : tenantOf(row);
  },

  defaultInstallation(db, { tenantNo }) {
    const row = db
      .prepare(
        `SELECT i.no AS installationNo, i.id AS installationId, a.id AS appId FROM installation i
         JOIN app a ON a.no = i.app WHERE i.tenant = ? ORDER BY i.no LIMIT 1`,
      )
      .get(tenantNo);
    return { ...(row as { installationNo: number; installationId: string; appId: string }) };
  },

  policyVersion(db, { version }) {
    const row = db.prepare('SELECT document FROM effective_policy WHERE no = ?').get(version) as
      | { document: string }
      | undefined;
    return row === undefined ? null : { version, document: JSON.parse(row.document) as EffectiveDocument };
  },

  keys(db, { tenantNo, mode, limit, cursor }) {
    const rows = db
      .prepare(`${KEY_SELECT} WHERE k.tenant = ? AND (? IS NULL OR k.mode = ?) AND k.no < ? ORDER BY k.no DESC LIMIT ?`)
      .all(tenantNo, mode, mode, below(cursor), limit + 1);
    return pageOf(rows.map(keyOf), limit, ({ no }) => String(no));
  },

  keyById(db, { tenantNo, mode, id }) {
    const row = db
      .prepare(`${KEY_SELECT} WHERE k.id = ? AND k.tenant = ? AND (? IS NULL OR k.mode = ?)`)
      .get(id, tenantNo, mode, mode);
    return row === undefined ? null : keyOf(row);
  },

  apps(db, { limit, cursor }) {
    const rows = db.prepare('SELECT * FROM app WHERE no < ? ORDER BY no DESC LIMIT ?').all(below(cursor), limit + 1);
    return pageOf(rows.map(appOf), limit, ({ no }) => String(no));
  },

  appById(db, { id }) {
    const row = db.prepare('SELECT * FROM app WHERE id = ?').get(id);
    return row === undefined ? null : appOf(row);
  },

  installations(db, { tenantNo, limit, cursor }) {
    const rows = db
      .prepare(`${INSTALLATION_SELECT} WHERE i.tenant = ? AND i.no < ? ORDER BY i.no DESC LIMIT ?`)
      .all(tenantNo, below(cursor), limit + 1);
    return pageOf(rows.map(installationOf), limit, ({ no }) => String(no));
  },

  installationById(db, { tenantNo, id }) {
    const row = db.prepare(`${INSTALLATION_SELECT} WHERE i.id = ? AND i.tenant = ?`).get(id, tenantNo);
    return row === undefined ? null : installationOf(row);
  },

  plans(db, { limit, cursor }) {
    const rows = db.prepare('SELECT * FROM plan WHERE name > ? ORDER BY name LIMIT ?').all(cursor ?? '', limit + 1);
    return pageOf(rows.map(planOf), limit, ({ name }) => name);
  },

  plan(db, { name }) {
    const row = db.prepare('SELECT * FROM plan WHERE name = ?').get(name);
    return row === undefined ? null : planOf(row);
  },

  audit(db, { tenantNo, mode, limit, cursor, ...filter }) {
    // A tenant's rows have an index; all others are walked from the newest on.
    const whose = tenantNo === null ? '1' : 'a.tenant = :tenantNo AND (a.mode IS NULL OR a.mode = :mode)';
    const rows = db
      .prepare(
        `SELECT a.*, t.id AS tenant_id FROM audit a LEFT JOIN tenant t ON t.no = a.tenant
         WHERE ${whose} AND a.no < :before
           AND (:action IS NULL OR a.action = :action OR (:family IS NOT NULL AND substr(a.action, 1, length(:family)) = :family))
           AND (:target IS NULL OR a.target = :target)
           AND (:actor IS NULL OR a.actor = :actor OR a.actor_id = :actor)
           AND (:since IS NULL OR a.at >= :since) AND (:until IS NULL OR a.at < :until)
         ORDER BY a.no DESC LIMIT :most`,
      )
      .all({
        ...(tenantNo === null ? {} : { tenantNo, mode }),
        ...{ before: below(cursor), most: limit + 1, ...filter },
        family: filter.action?.endsWith('.*') === true ? filter.action.slice(0, -1) : null,
      });
    return pageOf(rows.map(auditRowOf), limit, ({ no }) => String(no));
  },

  policyVersions(db, { limit, cursor, ...place }) {
    const rows = db
      .prepare(
        'SELECT * FROM policy_document WHERE owner = ? AND space = ? AND version < ? ORDER BY version DESC LIMIT ?',
      )
      .all(place.owner, placeOf(place), below(cursor), limit + 1);
    return pageOf(rows.map(policyVersionOf), limit, ({ version }) => String(version));
  },
};
