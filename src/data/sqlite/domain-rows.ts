/** Sender domains as rows, and what a space is loaded with of them. */
import type { DatabaseSync } from 'node:sqlite';
import { leavesMachine } from '../../base/leaves-machine.ts';
import {
  dkimKey,
  dkimRecordName,
  OWNERSHIP_LABEL,
  type RecordFinding,
  settledState,
  UNCHECKED,
} from '../../core/sender-records.ts';
import type { DomainKey, DomainState, ManagedDomain } from '../port/domains.ts';
import { prepared } from './database.ts';
import type { Row } from './rows.ts';

export function domainOf(db: DatabaseSync, row: Row): ManagedDomain {
  return {
    no: row['no'] as number,
    id: row['id'] as string,
    name: row['name'] as string,
    selector: row['selector'] as string,
    token: row['token'] as string,
    state: row['state'] as DomainState,
    problem: row['problem'] as string | null,
    keys: keysOf(db, row['no'] as number),
    findings: JSON.parse(row['results'] as string) as Record<string, RecordFinding>,
    verifiedAt: row['verified_at'] as number | null,
    failingSince: row['failing_since'] as number | null,
    blocksAt: row['blocks_at'] as number | null,
    checkedAt: row['checked_at'] as number | null,
    nextCheckAt: row['next_check_at'] as number,
    awaitedSince: row['awaited_since'] as number,
    createdAt: row['created_at'] as number,
    updatedAt: row['updated_at'] as number,
  };
}

/** RSA before Ed25519, the oldest generation first. */
function keysOf(db: DatabaseSync, domain: number): DomainKey[] {
  const rows = prepared(db, 'SELECT * FROM domain_key WHERE domain = ? ORDER BY generation, algorithm DESC').all(
    domain,
  );
  return rows.map((row) => ({
    algorithm: row['algorithm'] as DomainKey['algorithm'],
    selector: row['selector'] as string,
    publicKey: row['public_key'] as string,
    state: row['state'] as DomainKey['state'],
    generation: row['generation'] as number,
    createdAt: row['created_at'] as number,
    retiresAt: row['retires_at'] as number | null,
  }));
}

export const findingOf = ({ findings }: Pick<ManagedDomain, 'findings'>, key: string): RecordFinding =>
  findings[key] ?? UNCHECKED;

/** The records without which a domain is not verified, by their key and their name without the domain. */
export function requiredOf({ keys, name }: ManagedDomain): { key: string; label: string }[] {
  const required = [{ key: 'ownership', label: OWNERSHIP_LABEL }];
  for (const { algorithm, selector, state } of keys) {
    if (algorithm !== 'rsa' || state !== 'signing') continue;
    required.push({ key: dkimKey(selector), label: dkimRecordName(selector, name).slice(0, -name.length - 1) });
  }
  return required;
}

/** What decisions know of a domain. */
export type KnownDomain = Pick<ManagedDomain, 'id' | 'name' | 'state' | 'blocksAt'> & {
  /** Names of the required records that are not found, without the domain. */
  missing: string[];
};

/** The domains of a space by name; null where it has none. */
export function loadDomains(db: DatabaseSync, space: number): ReadonlyMap<string, KnownDomain> | null {
  const rows = prepared(db, 'SELECT * FROM domain WHERE space = ?').all(space);
  if (rows.length === 0) return null;
  const known = rows.map((row): KnownDomain => {
    const domain = domainOf(db, row);
    const { id, name, state, blocksAt } = domain;
    const missing = requiredOf(domain).filter(({ key }) => settledState(findingOf(domain, key)) !== 'found');
    return { id, name, state, blocksAt, missing: missing.map(({ label }) => label) };
  });
  return new Map(known.map((one) => [one.name, one]));
}

/** The gateway's own domain, whether what it carries itself can leave the machine, and whether answers to its addresses can arrive. */
export type WayOut = { domain: string; mailLeaves?: boolean; takesMail?: boolean };

/** Whether mail of a space can leave the machine. Test mail never does. */
export function mailLeaves(db: DatabaseSync, space: number, gateway: WayOut): boolean {
  if (space % 2 === 1) return false;
  const isOff = prepared(db, 'SELECT 1 FROM default_provider_off WHERE space = ?').get(space) !== undefined;
  if (gateway.mailLeaves === true && !isOff) return true;
  const own = prepared(db, "SELECT url FROM provider WHERE space = ? AND deleted_at IS NULL AND state <> 'inactive'");
  return (own.all(space) as { url: string }[]).some(({ url }) => leavesMachine(url));
}

/** A name and those above it, the nearest first: `a.b.example`, `b.example`. */
export function namesAbove(domain: string): string[] {
  const names: string[] = [];
  for (let name = domain; name.includes('.'); name = name.slice(name.indexOf('.') + 1)) names.push(name);
  return names;
}
