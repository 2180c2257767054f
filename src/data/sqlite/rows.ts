/** Rows as SQLite gives them, turned into the port's shapes. */
import type { IdentityRow, KeyRow, KeyScope, SuppressionRow, TenantRow } from '../store.ts';

export type Row = Record<string, unknown>;

const text = (value: unknown): string => value as string;
const textOrNull = (value: unknown): string | null => value as string | null;
const number = (value: unknown): number => value as number;
const numberOrNull = (value: unknown): number | null => value as number | null;

const parsed = (value: unknown): unknown => (value === null || value === undefined ? null : JSON.parse(text(value)));

export function tenantOf(row: Row): TenantRow {
  return {
    no: number(row['no']),
    id: text(row['id']),
    name: text(row['name']),
    standing: text(row['standing']) as TenantRow['standing'],
    standingBy: text(row['standing_by']) as TenantRow['standingBy'],
    standingSince: number(row['standing_since']),
    standingNote: textOrNull(row['standing_note']),
    trialEndsAt: numberOrNull(row['trial_ends_at']),
    plan: textOrNull(row['plan']),
    billing: text(row['billing']) as TenantRow['billing'],
    credits: null,
    trust: text(row['trust']) as TenantRow['trust'],
    locale: textOrNull(row['locale']),
    notify: JSON.parse(text(row['notify'])) as string[],
    createdAt: number(row['created_at']),
  };
}

export function identityOf(row: Row): IdentityRow {
  return {
    no: number(row['no']),
    id: text(row['id']),
    handle: text(row['handle']),
    fromEmail: text(row['from_email']),
    fromName: textOrNull(row['from_name']),
    tier: textOrNull(row['tier']),
    dailyCap: numberOrNull(row['daily_cap']),
    approvals: text(row['approvals']) as IdentityRow['approvals'],
    workingHours: parsed(row['working_hours']) as IdentityRow['workingHours'],
    drip: parsed(row['drip']) as IdentityRow['drip'],
    readyAt: numberOrNull(row['ready_at']),
    state: text(row['state']) as IdentityRow['state'],
    createdAt: number(row['created_at']),
    updatedAt: number(row['updated_at']),
  };
}

/** A row of `api_key` joined with tenant, installation and app. */
export function keyOf(row: Row): KeyRow {
  return {
    no: number(row['no']),
    id: text(row['id']),
    prefix: text(row['prefix']),
    hash: row['hash'] as Uint8Array,
    name: textOrNull(row['name']),
    scopes: JSON.parse(text(row['scopes'])) as KeyScope[],
    mode: text(row['mode']) as KeyRow['mode'],
    tenantNo: numberOrNull(row['tenant']),
    tenantId: textOrNull(row['tenant_id']),
    installationNo: numberOrNull(row['installation']),
    installationId: textOrNull(row['installation_id']),
    appId: textOrNull(row['app_id']),
    expiresAt: numberOrNull(row['expires_at']),
    allowIps: JSON.parse(textOrNull(row['allow_ips']) ?? '[]') as string[],
    identities: JSON.parse(textOrNull(row['identities']) ?? '[]') as string[],
    agent: textOrNull(row['agent']),
    createdAt: number(row['created_at']),
    lastUsedAt: numberOrNull(row['last_used_at']),
    revokedAt: numberOrNull(row['revoked_at']),
  };
}

export function suppressionOf(row: Row): SuppressionRow {
  return {
    id: text(row['id']),
    kind: text(row['kind']) as SuppressionRow['kind'],
    key: text(row['key']),
    reason: text(row['reason']) as SuppressionRow['reason'],
    since: number(row['since']),
    expiresAt: numberOrNull(row['expires_at']),
    note: textOrNull(row['note']),
    source: text(row['source']),
  };
}
