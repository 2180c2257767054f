/**
 * All markers of a space, with the version that tells one set of them from another. Sends are searched before they reach the writer;
 * the version that a send was searched with is compared there, so that none slips through a change.
 */
import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { Policy } from '../../policy/document.ts';
import type { KnownCanaries } from '../port/canaries.ts';

/** Null where a space has none. */
export function canariesOf(db: DatabaseSync, space: number, policy: Policy): KnownCanaries | null {
  const rows = db.prepare('SELECT label, marker FROM canary WHERE space = ? ORDER BY no').all(space) as {
    label: string;
    marker: string;
  }[];
  const named = (policy.document.content.canaries ?? []).map((marker, i) => ({
    label: `content.canaries[${i}]`,
    marker,
  }));
  const canaries = [...rows.map(({ label, marker }) => ({ label, marker })), ...named];
  if (canaries.length === 0) return null;
  return { version: createHash('sha256').update(JSON.stringify(canaries)).digest('base64url').slice(0, 16), canaries };
}
