/** The part of the port that manages who may use the gateway: tenants, keys, apps, installations, plans; audit and usage. */
import type { Mode } from '../../core/message.ts';
import type { Setter, Standing } from '../../policy/account.ts';
import type { LimitDocument } from '../../policy/document.ts';
import type { Page, Paging } from './page.ts';

/** Who makes a change, for the audit log and for the question whether they may. */
export type Actor = {
  /** As shown in the audit log. */
  name: string;
  /** `key_…` or `operator`. */
  id: string;
  /** The agent that acts with the key, as the audit log names it. */
  agent?: string | null;
  /** A person's key: it may loosen controls. */
  mayApprove: boolean;
  mayOperate: boolean;
};

/** Why a change that loosens a control was not made. */
export type Refused = {
  outcome: 'human_decision_required';
  /** The scope it needs; null where the key has it and only the note is missing. */
  needs: 'approve' | 'operate' | null;
  /** What it would loosen. */
  loosens: string[];
};

export type TenantRow = {
  no: number;
  id: string;
  name: string;
  standing: Standing;
  standingBy: Setter;
  standingSince: number;
  standingNote: string | null;
  trialEndsAt: number | null;
  plan: string | null;
  billing: 'none' | 'credits';
  credits: number | null;
  trust: 'new' | 'established';
  locale: string | null;
  notify: string[];
  createdAt: number;
};

export type NewTenant = {
  id: string;
  installationId: string;
  name: string;
  standing: Standing;
  trialEndsAt: number | null;
  plan: string | null;
  billing: 'none' | 'credits';
  credits: number | null;
  trust: 'new' | 'established';
  locale: string | null;
  notify: string[];
  standingNote?: string | null;
  actor: string;
  actorId?: string;
};

export type KeyScope = 'send' | 'read' | 'manage' | 'approve' | 'operate';

export type KeyRow = {
  no: number;
  id: string;
  prefix: string;
  hash: Uint8Array;
  name: string | null;
  scopes: KeyScope[];
  mode: Mode;
  tenantNo: number | null;
  tenantId: string | null;
  installationNo: number | null;
  installationId: string | null;
  appId: string | null;
  expiresAt: number | null;
  allowIps: string[];
  identities: string[];
  agent: string | null;
  createdAt: number;
  lastUsedAt: number | null;
  revokedAt: number | null;
};

export type NewKey = {
  id: string;
  prefix: string;
  hash: Uint8Array;
  name: string | null;
  scopes: KeyScope[];
  mode: Mode;
  tenantId: string;
  /** Null: the tenant's default app. */
  appId: string | null;
  expiresAt: number | null;
  allowIps: string[];
  identities: string[];
  agent: string | null;
  actor: string;
  actorId?: string;
};

/** Absent: stays as it is. */
export type TenantChange = Partial<{
  name: string;
  standing: Standing;
  note: string | null;
  trialEndsAt: number | null;
  plan: string | null;
  billing: 'none' | 'credits';
  credits: number;
  trust: 'new' | 'established';
  locale: string | null;
  notify: string[];
}>;

export type Account = { tenant: TenantRow; storageUsed: number; storageLimit: number | null };

export type ResumeAnswer =
  | { outcome: 'resumed'; account: Account }
  /** It is not paused. */
  | { outcome: 'conflict'; standing: Standing }
  | Refused;

export type AppRow = { no: number; id: string; name: string; createdAt: number };

export type InstallationRow = {
  no: number;
  id: string;
  appId: string;
  appName: string;
  name: string;
  defaultFrom: string | null;
  createdAt: number;
};

export type PlanDocument = {
  limits?: LimitDocument[];
  storage_bytes?: number | null;
  retention_days?: number | null;
  /** Recipients a UTC day for an identity of each tier. */
  tiers?: Record<string, number>;
};

export type PlanRow = { name: string; document: PlanDocument; updatedAt: number };

export type AuditRow = {
  no: number;
  tenantId: string | null;
  mode: Mode | null;
  at: number;
  actor: string;
  actorId: string | null;
  agent: string | null;
  action: string;
  target: string | null;
  note: string | null;
  before: unknown;
  after: unknown;
};

/** Null: whatever it is. */
export type AuditFilter = {
  /** Ends in `.*`: all that begin so. */
  action: string | null;
  target: string | null;
  /** Name or id of the key. */
  actor: string | null;
  /** Milliseconds; until is left out. */
  since: number | null;
  until: number | null;
};

export type IssuedKey =
  | { ok: true; key: KeyRow }
  | { ok: false; missing: 'tenant' | 'app' }
  /** What the new key would be allowed beyond the key that makes it. */
  | { ok: false; beyond: { param: string; granted: string } };

/** Numbers of one UTC hour by reason or outcome. */
export type TallyRow = { hour: number; code: string; n: number };

export interface ManagementWrites {
  createTenant(tenant: NewTenant): Promise<TenantRow>;
  createKey(key: NewKey): Promise<{ ok: true; key: KeyRow } | { ok: false; missing: 'tenant' | 'app' }>;
  /** False when no such key is in force. */
  revokeKey(input: { id: string; actor: string }): Promise<boolean>;
  /** Null: no such tenant. Unlike `tenantById` it knows the credits; storage is the mode's. */
  account(input: { tenantId: string; mode: Mode }): Promise<Account | null>;
  /** Newest first. */
  tenants(input: Paging): Promise<Page<TenantRow>>;
  changeTenant(input: { tenantId: string; change: TenantChange; actor: Actor }): Promise<TenantRow | null>;
  /** A conflict where the standing is none that a pause may replace, or others paused. */
  pauseAccount(input: {
    tenantNo: number;
    mode: Mode;
    note: string | null;
    actor: Actor;
  }): Promise<{ outcome: 'paused'; account: Account } | { outcome: 'conflict'; standing: Standing }>;
  resumeAccount(input: { tenantNo: number; mode: Mode; note: string | null; actor: Actor }): Promise<ResumeAnswer>;
  /** A key made by another key, which can hand on no more than it has. */
  issueKey(input: { key: NewKey; byKeyNo: number }): Promise<IssuedKey>;
  /** `mode` null: keys of both modes. Null: no such key. */
  revokeTenantKey(input: { tenantNo: number; mode: Mode | null; id: string; actor: Actor }): Promise<KeyRow | null>;
  /** Records when keys were last used. */
  touchKeys(input: { used: [keyNo: number, at: number][] }): Promise<null>;
  createApp(input: { id: string; name: string; actor: Actor }): Promise<AppRow>;
  changeApp(input: { id: string; name: string; actor: Actor }): Promise<AppRow | null>;
  deleteApp(input: { id: string; actor: Actor }): Promise<'deleted' | 'missing' | 'in_use'>;
  changeInstallation(input: {
    tenantNo: number;
    id: string;
    change: { name?: string; defaultFrom?: string | null };
    actor: Actor;
  }): Promise<InstallationRow | null>;
  putPlan(input: { name: string; document: PlanDocument; actor: Actor }): Promise<PlanRow>;
  deletePlan(input: { name: string; actor: Actor }): Promise<'deleted' | 'missing' | 'in_use'>;
  /** Tallies of the hours from `since` up to `until`, both numbers of hours since the Unix epoch. */
  tallies(input: { tenantNo: number; mode: Mode; since: number; until: number }): Promise<TallyRow[]>;
}

export interface ManagementReads {
  /** The key with this public part, whatever its state. */
  keyByPrefix(input: { prefix: string }): Promise<KeyRow | null>;
  keysOfTenant(input: { tenantNo: number }): Promise<KeyRow[]>;
  tenantById(input: { id: string }): Promise<TenantRow | null>;
  /** The installation that every tenant is made with. */
  defaultInstallation(input: {
    tenantNo: number;
  }): Promise<{ installationNo: number; installationId: string; appId: string }>;
  keys(input: Paging & { tenantNo: number; mode: Mode | null }): Promise<Page<KeyRow>>;
  keyById(input: { tenantNo: number; mode: Mode | null; id: string }): Promise<KeyRow | null>;
  apps(input: Paging): Promise<Page<AppRow>>;
  appById(input: { id: string }): Promise<AppRow | null>;
  installations(input: Paging & { tenantNo: number }): Promise<Page<InstallationRow>>;
  installationById(input: { tenantNo: number; id: string }): Promise<InstallationRow | null>;
  plans(input: Paging): Promise<Page<PlanRow>>;
  plan(input: { name: string }): Promise<PlanRow | null>;
  /** `tenantNo` null: everything. A tenant's rows of the other mode are left out. Newest first. */
  audit(input: Paging & AuditFilter & { tenantNo: number | null; mode: Mode | null }): Promise<Page<AuditRow>>;
}
