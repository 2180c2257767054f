/**
 * People who were erased: what is kept of each is a keyed hash of the address (HMAC-SHA-256, RFC 2104), as the key of a
 * suppression, so that the address goes on being blocked and nobody can read it from what is stored.
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { SuppressionFact } from '../../policy/suppression.ts';

const ERASED_PREFIX = 'hmac-sha256:';
const SECRET = 'erasure_secret';

export class ErasedContacts {
  private readonly space: number;
  private readonly secret: Buffer;
  private readonly facts = new Map<string, SuppressionFact>();

  constructor(space: number, secret: Buffer) {
    this.space = space;
    this.secret = secret;
  }

  keyOf(address: string): string {
    return ERASED_PREFIX + createHmac('sha256', this.secret).update(`${this.space} ${address}`).digest('hex');
  }

  find(address: string): SuppressionFact | null {
    return this.facts.size === 0 ? null : (this.facts.get(this.keyOf(address)) ?? null);
  }

  add(key: string, fact: SuppressionFact): void {
    this.facts.set(key, fact);
  }

  remove(key: string): void {
    this.facts.delete(key);
  }
}

/** Those of a space; null where nobody was erased, so that no address need be hashed there. */
export function readErased(db: DatabaseSync, space: number): ErasedContacts | null {
  const rows = db
    .prepare(
      `SELECT id, key, since FROM suppression WHERE space = ? AND key >= '${ERASED_PREFIX}' AND key < 'hmac-sha256;'`,
    )
    .all(space) as { id: string; key: string; since: number }[];
  if (rows.length === 0) return null;
  const erased = new ErasedContacts(space, erasureSecret(db));
  for (const { id, key, since } of rows) {
    erased.add(key, { id, reason: 'legal_request', domain: false, since, expiresAt: null });
  }
  return erased;
}

/** Made for the first one who is erased. */
export function erasureSecret(db: DatabaseSync): Buffer {
  const row = db.prepare('SELECT value FROM setting WHERE name = ?').get(SECRET);
  if (row !== undefined) return Buffer.from(String(row['value']), 'base64');
  const made = randomBytes(32);
  db.prepare('INSERT INTO setting (name, value) VALUES (?, ?)').run(SECRET, made.toString('base64'));
  return made;
}
