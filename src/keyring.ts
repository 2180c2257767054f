/**
 * The master secrets of an installation: the current one, and those it replaced, which open what was sealed or signed before.
 *
 * The current one stands in the file `master.secret` or in POSTERN_SECRET, and nowhere else. All others are kept in the store,
 * each wrapped (sealed) under others, so that whoever has the current one has them all: that is the ring. While a change is
 * under way the new secret is wrapped under the old one too, so that a start with either finds both.
 *
 * Invariants, whenever the process or the machine stops: what is sealed can be opened with the secret that the next start is
 * given, old or new; all values go over to the new secret in one transaction, together with the ring; old secrets stay in it,
 * since bounces and replies bring back tokens that were signed with them.
 *
 * Deliberately absent: forgetting an old secret. Whoever has a copy of the folder from before has what it opened then.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type MasterSecret, markOf, openSecrets, type Secrets } from './base/secrets.ts';
import type { Resealed, SealedRow } from './data/port/sealed.ts';
import type { Store } from './data/store.ts';

const LEAST_SECRET = 32;
const RING = 'secrets';
const FILE = 'master.secret';
const MOST_VERSIONS = 255;
const TRIES = 5;

/** `wraps`: the secret sealed under each of these versions, in base64. */
type RingEntry = { version: number; mark: string; wraps: Record<string, string> };

export type Rotated =
  | {
      ok: true;
      version: number;
      /** Values that were sealed anew. */
      resealed: number;
      /** Values that no known secret opens: they stay as they are. */
      unreadable: number;
      /** Set where the operator must put it into POSTERN_SECRET: the one that was made here. */
      secret: string | null;
      source: 'file' | 'environment';
    }
  | { ok: false; message: string };

export type Keyring = {
  secrets: Secrets;
  /** Puts a new secret in the place of the current one; null: one is made. One change at a time. */
  rotate(secret: string | null): Promise<Rotated>;
};

type RingStore = Pick<Store, 'setting' | 'putSetting' | 'sealedRows' | 'reseal'>;
export type KeyringLog = { warn(fields: object, message: string): void };

const context = (version: number): string => `secret/${version}`;

function wrap(secret: MasterSecret, under: MasterSecret): string {
  const sealed = openSecrets([under]).seal(Buffer.from(secret.secret), context(secret.version));
  return Buffer.from(sealed).toString('base64');
}

/** All the secrets that one of them leads to. */
function unwrapAll(ring: readonly RingEntry[], start: MasterSecret): Map<number, MasterSecret> {
  const known = new Map([[start.version, start]]);
  for (let found = 1; found > 0; ) {
    found = 0;
    for (const { version, wraps } of ring) {
      if (known.has(version)) continue;
      for (const [by, wrapped] of Object.entries(wraps)) {
        const opener = known.get(Number(by));
        const plain = opener && openSecrets([opener]).open(Buffer.from(wrapped, 'base64'), context(version));
        if (!plain) continue;
        known.set(version, { version, secret: Buffer.from(plain).toString() });
        found += 1;
        break;
      }
    }
  }
  return known;
}

function ringOf(text: string | null): RingEntry[] {
  return text === null ? [] : (JSON.parse(text) as RingEntry[]);
}

/** The newest first: it seals and signs, the others open and verify. */
const newestFirst = (masters: Iterable<MasterSecret>): MasterSecret[] =>
  [...masters].sort((a, b) => b.version - a.version);

/** Reads the secret of the installation, or makes one: a file for its owner alone. */
function readFile(directory: string): string {
  const path = join(directory, FILE);
  if (existsSync(path)) return readFileSync(path, 'utf8').trim();
  const made = newSecret();
  mkdirSync(directory, { recursive: true });
  writeFile(directory, made);
  return made;
}

/** The file holds the old secret or the new one, whenever the machine stops. */
function writeFile(directory: string, secret: string): void {
  const path = join(directory, FILE);
  const file = openSync(`${path}.new`, 'w', 0o600);
  writeSync(file, `${secret}\n`);
  fsyncSync(file);
  closeSync(file);
  renameSync(`${path}.new`, path);
  const folder = openSync(directory, 'r');
  fsyncSync(folder);
  closeSync(folder);
}

const newSecret = (): string => randomBytes(32).toString('base64url');

/** `given`: POSTERN_SECRET, or null where the secret stands in the folder. */
export async function openKeyring(
  directory: string,
  given: string | null,
  store: RingStore,
  log: KeyringLog,
): Promise<Keyring | { error: string }> {
  const text = await store.setting({ name: RING });
  const ring = ringOf(text);
  const secret = given ?? readFile(directory);
  const entry = ring.find(({ mark }) => mark === markOf(secret));
  const newest = Math.max(0, ...ring.map(({ version }) => version));
  // A secret that nobody knows here: what was sealed before stays shut, and is told where it is missed.
  const start = { version: entry?.version ?? newest + 1, secret };
  const masters = newestFirst(unwrapAll(ring, start).values());
  if (entry !== undefined && newest > masters[0]!.version) return { error: replaced(given === null) };
  const secrets = openSecrets(masters);
  const keyring = new StoredKeyring(directory, given === null ? 'file' : 'environment', store, secrets, masters, start);
  if (ring.length > 0) await keyring.tidy(log);
  return { secrets, rotate: (next) => keyring.rotate(next) };
}

/** Going on would seal and sign with what somebody wanted to be rid of, and leave everything else shut. */
function replaced(isFile: boolean): string {
  const where = isFile ? `The secret in ${FILE}` : 'POSTERN_SECRET';
  return `${where} was replaced by a newer one: set it to that one.`;
}

class StoredKeyring {
  readonly #directory: string;
  readonly #source: 'file' | 'environment';
  readonly #store: RingStore;
  readonly #secrets: Secrets;
  #masters: MasterSecret[];
  /** What the process was started with: the next start may be given it again. */
  readonly #start: MasterSecret;
  #isRotating = false;

  constructor(
    directory: string,
    source: 'file' | 'environment',
    store: RingStore,
    secrets: Secrets,
    masters: MasterSecret[],
    start: MasterSecret,
  ) {
    this.#directory = directory;
    this.#source = source;
    this.#store = store;
    this.#secrets = secrets;
    this.#masters = masters;
    this.#start = start;
  }

  /** Ends a change that was interrupted. */
  async tidy(log: KeyringLog): Promise<void> {
    const start = this.#start;
    const current = this.#masters[0]!;
    await this.#sealAnew(null);
    if (start.version === current.version) {
      await this.#closeRing();
    } else if (this.#source === 'file') {
      writeFile(this.#directory, current.secret);
      await this.#closeRing();
    } else {
      log.warn({}, 'POSTERN_SECRET is one that was replaced: set it to the new one, and start again');
    }
  }

  async rotate(given: string | null): Promise<Rotated> {
    if (this.#isRotating) return { ok: false, message: 'A change of the secret is under way: wait for it.' };
    if (given !== null && given.length < LEAST_SECRET) {
      return { ok: false, message: `A master secret has at least ${LEAST_SECRET} characters.` };
    }
    this.#isRotating = true;
    try {
      return await this.#rotate(given);
    } finally {
      this.#isRotating = false;
    }
  }

  async #rotate(given: string | null): Promise<Rotated> {
    const before = this.#masters;
    const ring = ringOf(await this.#store.setting({ name: RING }));
    const known = [...ring.map(({ version }) => version), ...before.map(({ version }) => version)];
    const version = Math.max(...known) + 1;
    if (version > MOST_VERSIONS)
      return { ok: false, message: `There have been ${MOST_VERSIONS} secrets, as many as there may be.` };
    const next = { version, secret: given ?? newSecret() };
    if (ring.concat(entriesOf(before, before[0]!)).some(({ mark }) => mark === markOf(next.secret))) {
      return { ok: false, message: 'This secret was used here before: choose another one.' };
    }
    // What is sealed under the new one must open here from its first moment on.
    this.#secrets.replace([...before, next]);
    const done = await this.#goOver(next);
    if (done === null) {
      this.#secrets.replace(before);
      return { ok: false, message: 'Too much was changed meanwhile, and nothing was sealed anew: try again.' };
    }
    this.#masters = [next, ...before];
    this.#secrets.replace(this.#masters);
    // What was sealed under the old one while the change was made.
    const late = await this.#sealAnew(null);
    if (this.#source === 'file') {
      writeFile(this.#directory, next.secret);
      await this.#closeRing();
    }
    const isTold = this.#source === 'environment' && given === null;
    return {
      ...{ ok: true, version, resealed: done.resealed + (late?.resealed ?? 0), unreadable: done.unreadable },
      ...{ secret: isTold ? next.secret : null, source: this.#source },
    };
  }

  /** All values and the ring, in one transaction; null where it could not be made. */
  async #goOver(next: MasterSecret): Promise<{ resealed: number; unreadable: number } | null> {
    const before = this.#masters;
    const held = before.map((one) => ({ ...entryOf(one), wraps: { [next.version]: wrap(one, next) } }));
    const openers = [before[0]!, this.#start];
    const wraps = Object.fromEntries(openers.map((one) => [one.version, wrap(next, one)]));
    const fresh = { ...entryOf(next), wraps };
    return this.#sealAnew({ ring: [fresh, ...held], under: openSecrets([next]) });
  }

  /** Seals what is not sealed under the current secret; with `change` under another one, and with a new ring. */
  async #sealAnew(
    change: { ring: RingEntry[]; under: Secrets } | null,
  ): Promise<{ resealed: number; unreadable: number } | null> {
    const under = change?.under ?? this.#secrets;
    for (let i = 0; i < TRIES; i++) {
      const text = change === null ? null : await this.#store.setting({ name: RING });
      const stale = (await this.#store.sealedRows(null)).filter(({ sealed }) => sealed[0] !== under.version);
      const rows = stale.flatMap((row) => this.#sealedUnder(under, row) ?? []);
      const counts = { resealed: rows.length, unreadable: stale.length - rows.length };
      if (rows.length === 0 && change === null) return counts;
      const setting =
        change === null ? null : { name: RING, before: text, after: JSON.stringify(kept(text, change.ring)) };
      if (await this.#store.reseal({ rows, setting })) return counts;
    }
    return null;
  }

  #sealedUnder(under: Secrets, { place, key, context, sealed }: SealedRow): Resealed | null {
    const plain = this.#secrets.open(sealed, context);
    return plain === null ? null : { place, key, before: sealed, after: under.seal(plain, context) };
  }

  /** The old secret opens the new one no longer. */
  async #closeRing(): Promise<void> {
    const text = await this.#store.setting({ name: RING });
    const current = this.#masters[0]!;
    const closed = ringOf(text).map((entry) => ({
      ...entry,
      wraps: Object.fromEntries(Object.entries(entry.wraps).filter(([by]) => Number(by) >= current.version)),
    }));
    const after = JSON.stringify(closed);
    if (after !== text) await this.#store.reseal({ rows: [], setting: { name: RING, before: text, after } });
  }
}

function entryOf({ version, secret }: MasterSecret): Omit<RingEntry, 'wraps'> {
  return { version, mark: markOf(secret) };
}

function entriesOf(masters: readonly MasterSecret[], under: MasterSecret): RingEntry[] {
  return masters.map((one) => ({ ...entryOf(one), wraps: one === under ? {} : { [under.version]: wrap(one, under) } }));
}

/** Entries of secrets that are not known here any more stay as they were. */
function kept(text: string | null, ring: RingEntry[]): RingEntry[] {
  const others = ringOf(text).filter(({ version }) => ring.every((one) => one.version !== version));
  return [...ring, ...others];
}
