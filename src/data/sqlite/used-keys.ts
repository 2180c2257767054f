/** Idempotency and dedupe keys: used once, remembered until their retention ends. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { BulkInsert } from './database.ts';
import { KeyIndex, type KeyIndexBounds } from './key-index.ts';
import { hashKey } from './ledger-entry.ts';
import type { Space } from './spaces.ts';

export const KEY_IDEMPOTENCY = 0;
export const KEY_DEDUPE = 1;

export type UsedKey = { fingerprint: string; message: number; usedAt: number; until: number };

type Row = {
  space: number;
  kind: number;
  scope: string;
  fingerprint: string;
  message: number;
  used_at: number;
  until: number;
};

/** A key under the name and the hash by which it is found. */
type Named = { space: number; kind: number; installation: string; key: string; scope: string; hash: number };

export class UsedKeys {
  readonly index: KeyIndex;
  private readonly insert: BulkInsert;
  private readonly select: StatementSync;
  private readonly newest: StatementSync;
  /** Of this group, not inserted yet. */
  private pending = new Map<number, Row>();
  private nextId = 0;
  private last: Named = { space: -1, kind: 0, installation: '', key: '', scope: '', hash: 0 };

  constructor(db: DatabaseSync, bounds?: Partial<KeyIndexBounds>) {
    this.index = new KeyIndex(db, bounds);
    this.insert = new BulkInsert(db, 'used_key', [
      'id',
      'hash',
      'space',
      'kind',
      'scope',
      'fingerprint',
      'message',
      'used_at',
      'until',
    ]);
    this.select = db.prepare('SELECT * FROM used_key WHERE id = ?');
    this.newest = db.prepare('SELECT max(id) AS id FROM used_key');
    this.findNextId();
  }

  /** After a failed commit. Its numbers are not given again: the index still names them. */
  undo(): void {
    this.pending = new Map();
    this.insert.clear();
    this.index.undo();
  }

  /** Numbers of rows that runs name are never given again, even when every row is gone. */
  private findNextId(): void {
    const newest = (this.newest.get() as { id: number | null }).id ?? 0;
    this.nextId = Math.max(newest, this.index.runNumbers().at(-1) ?? 0) + 1;
  }

  use(space: Space, now: number, installation: string, key: { key: string } | null): UsedKey | null {
    return this.find(space, now, KEY_IDEMPOTENCY, installation, key?.key ?? null);
  }

  find(space: Space, now: number, kind: number, installation: string, key: string | null): UsedKey | null {
    if (key === null) return null;
    const { scope, hash } = this.named(space, kind, installation, key);
    const ids = this.index.find(hash);
    for (let i = ids.length - 1; i >= 0; i -= 1) {
      const id = ids[i]!;
      const row = this.pending.get(id) ?? (this.select.get(id) as unknown as Row | undefined);
      if (row === undefined || row.space !== space.no || row.kind !== kind || row.scope !== scope) continue;
      if (row.until <= now) return null;
      return { fingerprint: row.fingerprint, message: row.message, usedAt: row.used_at, until: row.until };
    }
    return null;
  }

  add(
    space: Space,
    kind: number,
    installation: string,
    key: { key: string; fingerprint: string },
    message: number,
    now: number,
    until: number,
  ): void {
    const { scope, hash } = this.named(space, kind, installation, key.key);
    const id = this.nextId;
    this.nextId += 1;
    this.insert.add(id, hash, space.no, kind, scope, key.fingerprint, message, now, until);
    this.pending.set(id, {
      space: space.no,
      kind,
      scope,
      fingerprint: key.fingerprint,
      message,
      used_at: now,
      until,
    });
    this.index.add(hash, id);
  }

  /** A key that was looked for is mostly the next to be added. */
  private named(space: Space, kind: number, installation: string, key: string): Named {
    const { last } = this;
    if (last.key === key && last.kind === kind && last.space === space.no && last.installation === installation)
      return last;
    const scope = `${installation}\0${key}`;
    const hash = hashKey(space.no * 2 + kind, scope);
    this.last = { space: space.no, kind, installation, key, scope, hash };
    return this.last;
  }

  flush(): void {
    if (this.pending.size === 0) return;
    this.insert.flush();
    this.pending = new Map();
  }

  endGroup(): void {
    this.index.endGroup();
  }

  committed(): void {
    this.index.committed();
  }
}
