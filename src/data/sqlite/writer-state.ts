/**
 * What the writer keeps between groups, and the rows a group gathers before they are inserted at its end.
 *
 * A set or map that a group fills is made anew for the next one, here and wherever a group gathers something. V8 links the table of
 * one that was emptied to its next table: once one of them has grown old, every later one survives with all that it held, until
 * the old space is collected, and so that is collected all the time.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { type EventType, eventNumber } from '../../core/events.ts';
import { PackWriter } from '../../core/pack.ts';
import type { PlatformPause } from '../port/platform.ts';
import { type Archives, openArchives } from './archives.ts';
import { BulkInsert } from './database.ts';
import { FreshRows } from './fresh-rows.ts';
import { HealthRows } from './health-rows.ts';
import type { KeyIndexBounds } from './key-index.ts';
import { type LedgerBounds, LedgerCache } from './ledger-cache.ts';
import { readPlatformPause } from './platform-pause.ts';
import { RiskStates } from './risk-states.ts';
import { Routing } from './routing.ts';
import { firstRowOf } from './row-id.ts';
import { type Space, Spaces } from './spaces.ts';
import { UsedKeys } from './used-keys.ts';

export const HOUR_MS = 3_600_000;

/** The columns of a row that is added, in order. */
const MESSAGE_COLUMNS = [
  'id',
  'nonce',
  'space',
  'created_at',
  'installation',
  'identity',
  'policy',
  'flags',
  'send_at',
  'expires_at',
  'agent',
  'from_email',
  'from_name',
  'subject',
  'meta',
  'request_id',
  'seq',
  'content_hash',
  'size',
  'body_form',
  'body',
];
const RECIPIENT_COLUMNS = [
  'id',
  'message',
  'space',
  'kind',
  'email',
  'key',
  'name',
  'state',
  'due',
  'depart_at',
  'closed_at',
  'facts',
  'verdict',
  'mailbox',
  'provider',
];
const EVENT_COLUMNS = ['id', 'space', 'seq', 'type', 'at', 'recipient', 'data', 'back', 'leap'];

export type WriterOptions = {
  directory: string;
  /** The gateway's own domain: default senders live there. */
  domain: string;
  /** Whether mail that the gateway itself carries can leave the machine; absent: it cannot. */
  mailLeaves?: boolean;
  /** Whether mail to addresses that the gateway signs can arrive; absent: it can. */
  takesMail?: boolean;
  /** A clock set from outside, in place of the system's (see `StoreClock`). */
  clock?: SharedArrayBuffer;
  /** Who is told of what happens to any tenant; null or absent: nobody. */
  operatorEmail?: string | null;
  /** Octets set aside for a full disk; 0 for none. */
  reserveBytes?: number;
  ledger?: Partial<LedgerBounds>;
  keys?: Partial<KeyIndexBounds>;
  /** Recipients due at once that are kept in memory. */
  mostFresh?: number;
  /** A point at which the writer stops, for tests. */
  failpoint?: string | null;
};

export class WriterState {
  readonly db: DatabaseSync;
  readonly options: WriterOptions;
  readonly archives: Archives;
  readonly ledger: LedgerCache;
  readonly risks: RiskStates;
  readonly spaces: Spaces;
  readonly healths: HealthRows;
  readonly keys: UsedKeys;
  readonly fresh: FreshRows;
  readonly packer = new PackWriter();
  readonly messages: BulkInsert;
  readonly recipients: BulkInsert;
  private readonly events: BulkInsert;
  private readonly heads: BulkInsert;
  /** Spaces whose log has grown since their heads were written. */
  private grown = new Set<Space>();
  private readonly blobUses: BulkInsert;
  readonly foldRefusal: StatementSync;
  /** Refusals of the last minute, by installation and content. */
  readonly refusals = new Map<string, { row: number; nonce: number; at: number }>();
  private readonly senders = new Map<number, string | null>();
  /** The store's clock for the group at hand. */
  realNow = 0;
  private nextRow = 0;
  private nextEvent = 0;
  /** Whether every space in which something waits is loaded. */
  isDueKnown = false;
  /** How often a worker has taken something from a space. */
  claims = 0;
  /** The recipient that is tried alone now, since claims on it have died before. */
  suspect: number | null = null;
  /** Spaces in which events were written since the last answer. */
  eventSpaces = new Set<number>();
  /** What the choice of ways out keeps between recipients. */
  readonly routing = new Routing();
  /** Set while the operator has stopped sending for everybody. */
  platformPause: PlatformPause | null;
  /** Whether a notice was queued since the last answer. */
  hasNotices = false;

  constructor(db: DatabaseSync, options: WriterOptions) {
    this.db = db;
    this.options = options;
    this.archives = openArchives(db, options.directory, true);
    this.risks = new RiskStates(db);
    this.ledger = new LedgerCache(db, options.ledger, this.risks);
    this.healths = new HealthRows(db);
    this.spaces = new Spaces(db, this.ledger, this.risks, this.routing, options);
    this.keys = new UsedKeys(db, options.keys);
    this.fresh = new FreshRows(options.mostFresh);
    this.platformPause = readPlatformPause(db);
    this.messages = new BulkInsert(db, 'message', MESSAGE_COLUMNS, '', ['send_at', 'agent', 'content_hash']);
    this.recipients = new BulkInsert(db, 'recipient', RECIPIENT_COLUMNS, '', [
      'key',
      'closed_at',
      'verdict',
      'mailbox',
      'provider',
    ]);
    this.events = new BulkInsert(db, 'event', EVENT_COLUMNS, '', ['data']);
    this.heads = new BulkInsert(
      db,
      'event_head',
      ['space', 'seq', 'event'],
      'ON CONFLICT (space) DO UPDATE SET seq = excluded.seq, event = excluded.event',
    );
    this.blobUses = new BulkInsert(db, 'blob_use', ['message', 'sha256']);
    this.foldRefusal = db.prepare('UPDATE message SET repeats = repeats + 1 WHERE id = ?');
    this.findNextRow();
  }

  /** At the start of each transaction. */
  begin(): void {
    if (!this.isDueKnown) this.loadDue();
  }

  /** Spaces in which something waits must be known, since only known ones are asked for what is due. */
  private loadDue(): void {
    const waiting = this.db.prepare('SELECT DISTINCT space FROM recipient WHERE due >= 0').all();
    for (const { space } of waiting as { space: number }[]) this.spaces.get(space);
    for (const space of this.fresh.load(this.db)) this.spaces.get(space);
    const held = this.db.prepare("SELECT DISTINCT space FROM approval WHERE state = 'pending'").all();
    for (const { space } of held as { space: number }[]) this.spaces.get(space);
    this.isDueKnown = true;
  }

  private findNextRow(): void {
    const newest = this.db.prepare('SELECT max(id) AS id FROM recipient').get() as { id: number | null };
    const message = this.db.prepare('SELECT max(id) AS id FROM message').get() as { id: number | null };
    this.nextRow = Math.max(newest.id ?? 0, message.id ?? 0) + 1;
    const event = this.db.prepare('SELECT max(event) AS id FROM event_head').get() as { id: number | null };
    this.nextEvent = (event.id ?? 0) + 1;
  }

  /** Row numbers for a message and its `count` recipients. */
  takeRows(count: number): number {
    const row = Math.max(this.nextRow, firstRowOf(this.realNow));
    this.nextRow = row + count;
    return row;
  }

  emit(
    space: Space,
    type: EventType,
    at: number,
    recipient: number | null,
    data: Record<string, unknown> | null,
  ): void {
    this.emitNumber(space, eventNumber(type), at, recipient, data === null ? null : JSON.stringify(data));
  }

  emitNumber(space: Space, type: number, at: number, recipient: number | null, data: string | null): void {
    const { log } = space;
    log.add(this.nextEvent);
    this.events.add(this.nextEvent, space.no, log.seq, type, at, recipient, data, log.back, log.leap);
    this.nextEvent += 1;
    this.grown.add(space);
    this.eventSpaces.add(space.no);
  }

  tally(space: Space, code: string, now: number, n: number): void {
    this.tallyHour(space, Math.floor(now / HOUR_MS), code, n);
  }

  tallyHour(space: Space, hour: number, code: string, n: number): void {
    this.ledger.addGauge(space.hourEntry(hour), code, n);
  }

  useBlob(sha256: string, message: number): void {
    this.blobUses.add(message, sha256);
  }

  /** The From address of a send that names neither sender nor identity. */
  defaultSender(tenantId: string, installationNo: number): string {
    return this.defaultFrom(installationNo) ?? `${tenantId}@${this.options.domain}`;
  }

  /** The From address that an installation was given, or null. */
  defaultFrom(installationNo: number): string | null {
    let known = this.senders.get(installationNo);
    if (known === undefined) {
      const row = this.db.prepare('SELECT default_from FROM installation WHERE no = ?').get(installationNo) as
        | { default_from: string | null }
        | undefined;
      known = row?.default_from ?? null;
      this.senders.set(installationNo, known);
    }
    return known;
  }

  forgetSenders(): void {
    this.senders.clear();
  }

  /** Inserts what was gathered: nine statements a table at most. */
  flushRows(): void {
    this.messages.flush();
    this.recipients.flush();
    this.events.flush();
    this.flushHeads();
    this.blobUses.flush();
    this.keys.flush();
    this.healths.flush();
  }

  private flushHeads(): void {
    if (this.grown.size === 0) return;
    for (const { no, log } of this.grown) this.heads.add(no, log.seq, log.row);
    this.grown = new Set();
    this.heads.flush();
  }

  startGroup(realNow: number): void {
    this.realNow = realNow;
    if (this.eventSpaces.size === 0) this.eventSpaces = new Set();
    this.risks.startGroup(realNow);
    if (this.refusals.size > 10_000) this.refusals.clear();
  }

  endGroup(): void {
    this.flushRows();
    this.ledger.endGroup();
    this.keys.endGroup();
  }

  afterCommit(): void {
    this.spaces.release();
    this.ledger.evict();
    this.risks.evict();
    this.keys.committed();
  }

  /** After a failed commit: what is in memory may be ahead of what is stored, so all of it is read anew. */
  recover(): void {
    for (const rows of [this.messages, this.recipients, this.events, this.heads, this.blobUses]) rows.clear();
    this.grown = new Set();
    this.ledger.recover();
    this.keys.undo();
    this.fresh.clear();
    this.spaces.clear();
    this.healths.clear();
    this.senders.clear();
    this.refusals.clear();
    this.suspect = null;
    this.platformPause = readPlatformPause(this.db);
    this.findNextRow();
    this.isDueKnown = false;
  }
}
