/** What the operator offers: apps, their installations on tenants, and plans. */
import type { AppRow, InstallationRow, ManagementWrites, PlanDocument, PlanRow } from '../port/management.ts';
import { audit, by } from './audit.ts';
import type { WriteCalls } from './calls.ts';
import { renewPolicies } from './policies.ts';
import { walkAnew } from './retention.ts';
import type { Row } from './rows.ts';
import type { WriterState } from './writer-state.ts';

type CatalogCalls = Pick<
  ManagementWrites,
  'createApp' | 'changeApp' | 'deleteApp' | 'changeInstallation' | 'putPlan' | 'deletePlan'
>;
export const INSTALLATION_SELECT = `SELECT i.*, a.id AS app_id, a.name AS app_name
  FROM installation i JOIN app a ON a.no = i.app`;

export function appOf(row: Row): AppRow {
  return {
    no: row['no'] as number,
    id: row['id'] as string,
    name: row['name'] as string,
    createdAt: row['created_at'] as number,
  };
}

export function installationOf(row: Row): InstallationRow {
  return {
    no: row['no'] as number,
    id: row['id'] as string,
    appId: row['app_id'] as string,
    appName: row['app_name'] as string,
    name: row['name'] as string,
    defaultFrom: row['default_from'] as string | null,
    createdAt: row['created_at'] as number,
  };
}

export function planOf(row: Row): PlanRow {
  return {
    name: row['name'] as string,
    document: JSON.parse(row['document'] as string) as PlanDocument,
    updatedAt: row['updated_at'] as number,
  };
}

function findApp(state: WriterState, id: string): AppRow | null {
  const row = state.db.prepare('SELECT * FROM app WHERE id = ?').get(id);
  return row === undefined ? null : appOf(row);
}

function findPlan(state: WriterState, name: string): PlanRow | null {
  const row = state.db.prepare('SELECT * FROM plan WHERE name = ?').get(name);
  return row === undefined ? null : planOf(row);
}

const OPERATORS = { tenantNo: null, mode: null } as const;

export const CATALOG_WRITES: WriteCalls<CatalogCalls> = {
  createApp(state, { id, name, actor }) {
    state.db.prepare('INSERT INTO app (id, name, created_at) VALUES (?, ?, ?)').run(id, name, state.realNow);
    audit(state, { ...OPERATORS, ...by(actor), action: 'app.created', target: id, after: { name } });
    return findApp(state, id)!;
  },

  changeApp(state, { id, name, actor }) {
    const before = findApp(state, id);
    if (before === null) return null;
    state.db.prepare('UPDATE app SET name = ? WHERE id = ?').run(name, id);
    const names = { before: { name: before.name }, after: { name } };
    audit(state, { ...OPERATORS, ...by(actor), action: 'app.changed', target: id, ...names });
    return { ...before, name };
  },

  deleteApp(state, { id, actor }) {
    const app = findApp(state, id);
    if (app === null) return 'missing';
    if (state.db.prepare('SELECT 1 FROM installation WHERE app = ? LIMIT 1').get(app.no) !== undefined) return 'in_use';
    state.db.prepare('DELETE FROM app WHERE no = ?').run(app.no);
    audit(state, { ...OPERATORS, ...by(actor), action: 'app.deleted', target: id, before: { name: app.name } });
    return 'deleted';
  },

  changeInstallation(state, { tenantNo, id, change, actor }) {
    const find = state.db.prepare(`${INSTALLATION_SELECT} WHERE i.id = ? AND i.tenant = ?`);
    const row = find.get(id, tenantNo);
    if (row === undefined) return null;
    const before = installationOf(row);
    const name = change.name ?? before.name;
    const defaultFrom = change.defaultFrom === undefined ? before.defaultFrom : change.defaultFrom;
    state.db.prepare('UPDATE installation SET name = ?, default_from = ? WHERE id = ?').run(name, defaultFrom, id);
    state.forgetSenders();
    audit(state, {
      tenantNo,
      mode: null,
      ...by(actor),
      action: 'installation.changed',
      target: id,
      before: { name: before.name, default_from: before.defaultFrom },
      after: { name, default_from: defaultFrom },
    });
    return { ...before, name, defaultFrom };
  },

  putPlan(state, { name, document, actor }) {
    const before = findPlan(state, name);
    state.db
      .prepare('INSERT OR REPLACE INTO plan (name, document, updated_at) VALUES (?, ?, ?)')
      .run(name, JSON.stringify(document), state.realNow);
    walkAnew(state);
    renewPolicies(state, (space) => space.tenant.plan === name, { owner: 'plan', plan: name, author: actor.name });
    audit(state, {
      ...OPERATORS,
      ...by(actor),
      action: before === null ? 'plan.created' : 'plan.changed',
      target: name,
      before: before?.document,
      after: document,
    });
    return { name, document, updatedAt: state.realNow };
  },

  deletePlan(state, { name, actor }) {
    const plan = findPlan(state, name);
    if (plan === null) return 'missing';
    if (state.db.prepare('SELECT 1 FROM tenant WHERE plan = ? LIMIT 1').get(name) !== undefined) return 'in_use';
    state.db.prepare('DELETE FROM plan WHERE name = ?').run(name);
    audit(state, { ...OPERATORS, ...by(actor), action: 'plan.deleted', target: name, before: plan.document });
    return 'deleted';
  },
};
