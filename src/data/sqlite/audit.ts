/** The audit log: who changed what, in the same transaction as the change. */
import type { DatabaseSync } from 'node:sqlite';
import type { Mode } from '../../core/message.ts';
import type { Actor } from '../port/management.ts';

export type AuditInput = {
  tenantNo: number | null;
  mode: Mode | null;
  actor: string;
  /** `key_…` or `operator`. */
  actorId?: string | null;
  agent?: string | null;
  action: string;
  target?: string | null;
  note?: string | null;
  before?: unknown;
  after?: unknown;
};

/** Answers with the number of the row. */
export function audit({ db, realNow }: { db: DatabaseSync; realNow: number }, input: AuditInput): number {
  const { lastInsertRowid } = db
    .prepare(
      'INSERT INTO audit (tenant, mode, at, actor, actor_id, agent, action, target, note, before, after) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    )
    .run(
      input.tenantNo,
      input.mode,
      realNow,
      input.actor,
      input.actorId ?? null,
      input.agent ?? null,
      input.action,
      input.target ?? null,
      input.note ?? null,
      input.before === undefined ? null : JSON.stringify(input.before),
      input.after === undefined ? null : JSON.stringify(input.after),
    );
  return Number(lastInsertRowid);
}

/** The actor's part of an audit row. */
export function by({ name, id, agent = null }: Actor): { actor: string; actorId: string; agent: string | null } {
  return { actor: name, actorId: id, agent };
}
