/**
 * The writer's registry of spaces (one tenant in one mode): standing, policy in force, identities, the clock, the next
 * event number. Small tables, read once and kept; a change of them forgets what it touches.
 */
import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { Mode } from '../../core/message.ts';
import type { AccountFacts } from '../../policy/account.ts';
import type { Closed } from '../../policy/closed-routes.ts';
import {
  type CounterScope,
  compilePolicy,
  type EffectiveDocument,
  POLICY_DEFAULTS,
  type Policy,
  type PolicyDocument,
} from '../../policy/document.ts';
import type { ApprovalMode } from '../../policy/facts-approval.ts';
import type { QuarantineStanding } from '../../policy/facts-quarantine.ts';
import {
  type ContactState,
  familyScope,
  isTextScope,
  type LeaseState,
  type ScopeState,
  type Signal,
} from '../../policy/ledger.ts';
import type { LedgerView } from '../../policy/ledger-view.ts';
import type { Pacing } from '../../policy/pacing.ts';
import type { Pool } from '../../policy/pool.ts';
import type { Stood } from '../../policy/ramp.ts';
import { effectiveDocument } from '../../policy/resolve.ts';
import { copyRisk, type RiskState } from '../../policy/risk/state.ts';
import { compileShadow, countingFor, draftOver } from '../../policy/shadow.ts';
import { type PoolSight, type Way, waysOf } from '../../policy/ways.ts';
import type { KnownCanaries } from '../port/canaries.ts';
import type { PlanDocument } from '../port/management.ts';
import type { TemplateRef } from '../port/templates.ts';
import type { IdentityRow, TenantRow } from '../store.ts';
import { canariesOf } from './canary-rows.ts';
import { CLOCK_STEP_MS } from './clock.ts';
import { loadDomains, mailLeaves, type WayOut } from './domain-rows.ts';
import { type ErasedContacts, readErased } from './erased-contacts.ts';
import { LogTail, logEnds, newestAt } from './event-log.ts';
import { HeldEntries } from './held-entries.ts';
import { identitiesWithRoom } from './identities-with-room.ts';
import { type Leases, loadLeases } from './lease-rows.ts';
import type { LedgerCache } from './ledger-cache.ts';
import type { Entry } from './ledger-entry.ts';
import { openQuarantine, standingOf } from './quarantine-standing.ts';
import type { RiskStates } from './risk-states.ts';
import { GATEWAY_POOL, pinName, type Routing, stoodIn } from './routing.ts';
import { identityOf, tenantOf } from './rows.ts';
import { loadPool } from './sender-rows.ts';
import { SpaceSenders } from './space-senders.ts';
import { type Freeing, freedAt, freeing } from './storage-frees.ts';
import { PacingKept } from './working-hours.ts';

export const spaceOf = (tenantNo: number, mode: Mode): number => tenantNo * 2 + (mode === 'test' ? 1 : 0);
export const modeOf = (space: number): Mode => (space % 2 === 1 ? 'test' : 'live');
export const tenantNoOf = (space: number): number => Math.floor(space / 2);

export const CREDITS = 'credits';
export const STORAGE = 'storage';
/** Whether a bad sign, and whether a reply, has ever come: gauges of the tenant's entry. */
export const SIGNS = 'signs';
export const REPLIES = 'replies';
const DAY_MS = 86_400_000;
const FREEING_KEPT_MS = 60_000;
const MOST_POLICIES = 64;

/**
 * Beyond every date. Where a clock stands still, workers' claims still end on real time: their `due` is this number plus the
 * millisecond of their end.
 */
export const REAL_TIME = 2 ** 52;

export type SpaceShadow = { policy: Policy; since: number };

export class Space implements LedgerView {
  readonly no: number;
  readonly tenant: TenantRow;
  readonly policy: Policy;
  /** A draft that is decided beside it, and since when. */
  readonly shadow: SpaceShadow | null;
  readonly storageLimit: number | null;
  /** By handle and by id; their caps are the smaller of their own and their tier's. */
  readonly identities: Map<string, IdentityRow>;
  /** Caps by tier, from the plan. */
  readonly tiers: Readonly<Record<string, number>>;
  readonly log: LogTail;
  /** Where the test clock stands, or null for real time. */
  frozenAt: number | null;
  /** The latest time decided at: a clock stepping back a little is bridged by it. */
  lastNow = 0;
  /** When the next recipient with a time is due, as far as known. */
  nextDue = Number.POSITIVE_INFINITY;
  /** The claim that last took something from here: who waited longest comes first. */
  servedIn = 0;
  /** Where the clock stands still: the real time at which the next claim ends. */
  nextClaimEnd = Number.POSITIVE_INFINITY;
  /** When the first mailbox that is left out for its health comes back, as far as known. */
  nextRecovery = Number.POSITIVE_INFINITY;
  quarantine: QuarantineStanding = null;
  /** Markers that no message may hold, or null. */
  readonly canaries: KnownCanaries | null;
  /** Providers and mailboxes; null where the tenant has none of its own. */
  readonly pool: Pool | null;
  /** Whether the pool was read since what waits for it was last looked at. */
  isPoolNew: boolean;
  /** Who may send as whom. */
  readonly senders: SpaceSenders;
  /** Agents, and the leases that are open. */
  readonly leases: Leases;
  /** When the next approval that waits is over, as far as known. */
  nextHoldEnd = Number.POSITIVE_INFINITY;
  /** Versions of templates that sends were made from, as far as known. */
  readonly templates = new Map<string, TemplateRef | null>();
  /** People who were erased and stay blocked; null: none. */
  erased: ErasedContacts | null = null;
  /** Whether a mailbox of it is looked through for answers. */
  readsMailboxes = false;
  /** Whether an address in Reply-To can be written to. */
  takesMail = true;
  /** Set for the decision at hand. */
  identity: IdentityRow | null = null;
  private readonly readFreeing: () => Freeing;
  private freeing: { list: Freeing; used: number; until: number } | null = null;
  private readonly cache: LedgerCache;
  private readonly risks: RiskStates;
  private readonly routing: Routing;
  private readonly sights = new Map<number, PoolSight>();
  private readonly pacingKept = new PacingKept();
  private assumedRisk: RiskState | null = null;
  private readonly held: HeldEntries;

  constructor(
    no: number,
    cache: LedgerCache,
    risks: RiskStates,
    holding: HeldEntries[],
    parts: {
      tenant: TenantRow;
      policy: Policy;
      shadow: SpaceShadow | null;
      storageLimit: number | null;
      freeing: () => Freeing;
      identities: Map<string, IdentityRow>;
      tiers: Readonly<Record<string, number>>;
      log: LogTail;
      frozenAt: number | null;
      canaries: KnownCanaries | null;
      pool: Pool | null;
      routing: Routing;
      senders: SpaceSenders;
      leases: Leases;
    },
  ) {
    this.no = no;
    this.cache = cache;
    this.risks = risks;
    this.held = new HeldEntries(no, cache, holding);
    this.tenant = parts.tenant;
    this.policy = parts.policy;
    this.shadow = parts.shadow;
    this.storageLimit = parts.storageLimit;
    this.readFreeing = parts.freeing;
    this.identities = parts.identities;
    this.tiers = parts.tiers;
    this.log = parts.log;
    this.frozenAt = parts.frozenAt;
    this.canaries = parts.canaries;
    this.pool = parts.pool;
    this.isPoolNew = parts.pool !== null;
    this.routing = parts.routing;
    this.senders = parts.senders;
    this.leases = parts.leases;
  }

  /** The number of the last event. */
  get seq(): number {
    return this.log.seq;
  }

  /** Milliseconds on this space's clock. Small steps back are bridged; a larger one somebody has accepted. */
  now(realNow: number): number {
    if (this.frozenAt !== null) return this.frozenAt;
    if (realNow > this.lastNow || realNow < this.lastNow - CLOCK_STEP_MS) this.lastNow = realNow;
    return this.lastNow;
  }

  get account(): AccountFacts {
    const { tenant } = this;
    const gauges = this.tenantEntry().gauges;
    return {
      standing: tenant.standing,
      standingBy: tenant.standingBy,
      standingSince: tenant.standingSince,
      trialEndsAt: tenant.trialEndsAt,
      credits: tenant.billing === 'credits' ? Math.max(0, gauges?.get(CREDITS) ?? 0) : null,
      storageUsed: Math.max(0, gauges?.get(STORAGE) ?? 0),
      storageLimit: this.storageLimit,
      storageFreesAt: null,
    };
  }

  /** Looked for once a minute, however much is refused for it. On a clock that stands still nothing is freed by waiting. */
  storageFreesAt(bytes: number): number | null {
    if (this.frozenAt !== null) return null;
    const used = this.tenantEntry().gauges?.get(STORAGE) ?? 0;
    if (this.freeing === null || this.freeing.used !== used || this.freeing.until <= this.lastNow) {
      this.freeing = { list: this.readFreeing(), used, until: this.lastNow + FREEING_KEPT_MS };
    }
    return freedAt(this.freeing.list, bytes);
  }

  get risk(): RiskState {
    return this.assumedRisk ?? this.risks.get(this.no, this.tenant, this.frozenAt ?? this.lastNow);
  }

  /** Until it is taken back, the risk counts on a copy: for a check, whose second recipient sees the first. */
  assumeRisk(): void {
    this.assumedRisk = copyRisk(this.risk);
  }

  takeBackRisk(): void {
    this.assumedRisk = null;
  }

  get identityState(): IdentityRow['state'] | null {
    const { identity } = this;
    if (identity === null) return null;
    // Who is set up becomes active by itself.
    const isReady = identity.state === 'provisioning' && identity.readyAt !== null && identity.readyAt <= this.time;
    return isReady ? 'active' : identity.state;
  }

  get identityHandle(): string | null {
    return this.identity?.handle ?? null;
  }

  get identityCap(): number | null {
    return this.identity?.dailyCap ?? null;
  }

  approvalsOfAgent(agent: string | null): ApprovalMode {
    return agent === null ? 'none' : (this.leases.agents.get(agent)?.approvals ?? 'none');
  }

  tenantEntry(): Entry {
    return this.held.tenant();
  }

  /** The tallies of an hour, counted from the epoch. */
  hourEntry(hour: number): Entry {
    return this.held.hour(hour);
  }

  scope(kind: CounterScope, id: string): ScopeState {
    if (kind === 'tenant' && !isTextScope(id)) return this.held.tenant();
    return this.held.scope(kind, id);
  }

  contact(key: string): ContactState {
    const entry = this.held.contact(key);
    const fact = this.erased?.find(key) ?? null;
    return fact === null ? entry : { ...entry, suppressions: [...entry.suppressions, fact] };
  }

  domain(domain: string): ContactState {
    return this.held.domain(domain);
  }

  /** Whether any way exists: a signed address in Reply-To, a mailbox that is read, or replies that were told of. */
  get areRepliesVisible(): boolean {
    if ((this.takesMail && this.policy.document.tracking.reply === true) || this.readsMailboxes) return true;
    return this.tenantEntry().gauges?.has(REPLIES) ?? false;
  }

  signals(signal: Signal): ScopeState | null {
    return this.tenantEntry().gauges?.has(SIGNS) ? this.signalEntry(signal) : null;
  }

  signalEntry(signal: Signal): Entry {
    return this.held.of(`#signal:${signal}`);
  }

  lease(contact: string): LeaseState | null {
    const held = this.leases.open.get(contact);
    if (held === undefined) return null;
    return { id: held.id, agent: held.agent, token: held.token, expiresAt: this.leases.endOf(held) };
  }

  /** Null where the tenant has no ways out of its own and no limits on them. */
  get sight(): PoolSight | null {
    if (this.pool === null && this.policy.routedLimits.length === 0) return null;
    return this.sightOf(this.identity?.no ?? null);
  }

  /** What an identity can send through. */
  sightOf(identity: number | null): PoolSight {
    let known = this.sights.get(identity ?? 0);
    if (known === undefined) {
      const ways = waysOf(this.pool ?? GATEWAY_POOL, identity);
      known = { ways, spread: this.routing.spreadOf(this.no, ways[0]?.mailbox == null ? null : identity) };
      this.sights.set(identity ?? 0, known);
    }
    return known;
  }

  /** When the sending identity should be ready, where it is being set up. */
  get readyAt(): number | null {
    return this.identityState === 'provisioning' ? this.identity!.readyAt : null;
  }

  /** The sending identity's hours and gaps; null: it has none. */
  get pacing(): Pacing | null {
    const { identity } = this;
    if (identity === null || (identity.workingHours === null && identity.drip === null)) return null;
    return this.pacingKept.of(identity.no, identity, this.time);
  }

  private get time(): number {
    return this.frozenAt ?? this.lastNow;
  }

  pin(contact: string): number | null {
    if (this.identity === null) return null;
    const { gauges } = this.cache.entry(this.no, contact);
    return gauges?.get(pinName(this.identity.no)) || null;
  }

  stood(mailbox: number, family: string): Stood {
    return stoodIn(this.scope('mailbox', familyScope(mailbox, family)) as Entry);
  }

  /** Ways are closed on real time; beside a clock that stands still none is. */
  closedWay({ provider, mailbox }: Way, destination: string, now: number): Closed | null {
    const { closed } = this.routing;
    if (closed.isEmpty || this.frozenAt !== null) return null;
    return closed.find(provider.no, mailbox?.no ?? null, destination, now);
  }

  alternatives(second: number): readonly string[] {
    return identitiesWithRoom(this, second);
  }

  /** Lets go of the entries that it was asked for, where they are changed behind its back. */
  release(): void {
    this.held.release();
  }
}

type PlanParts = {
  limits: PolicyDocument;
  storageBytes: number | null;
  retentionMs: number | null;
  tiers: Readonly<Record<string, number>>;
};

/** The smaller of two caps; null is none. */
export function smallerCap(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.min(a, b);
}

export class Spaces {
  private readonly known = new Map<number, Space>();
  /** Kept when a space is read anew: they know events whose rows are gathered yet. */
  private readonly logs = new Map<number, LogTail>();
  /** What holds entries of the ledger in the group at hand. */
  private readonly holding: HeldEntries[] = [];
  /** Earlier policies, by number: those places were counted under that are now given back. */
  private readonly policies = new Map<number, Policy>();
  private readonly db: DatabaseSync;
  private readonly cache: LedgerCache;
  private readonly risks: RiskStates;
  private readonly routing: Routing;
  private readonly gateway: WayOut;

  constructor(db: DatabaseSync, cache: LedgerCache, risks: RiskStates, routing: Routing, gateway: WayOut) {
    this.routing = routing;
    this.gateway = gateway;
    this.db = db;
    this.cache = cache;
    this.risks = risks;
  }

  get(no: number): Space {
    return this.known.get(no) ?? this.load(no);
  }

  all(): IterableIterator<Space> {
    return this.known.values();
  }

  /** Reads a space anew after a change. Rows gathered in this group must have been inserted before. */
  forget(no: number): void {
    const space = this.known.get(no);
    this.known.delete(no);
    if (space === undefined) return;
    const fresh = this.load(no);
    fresh.lastNow = Math.max(fresh.lastNow, space.lastNow);
  }

  forgetTenant(tenantNo: number): void {
    this.forget(tenantNo * 2);
    this.forget(tenantNo * 2 + 1);
  }

  forgetAll(): void {
    for (const no of [...this.known.keys()]) this.forget(no);
  }

  /** After a failed commit: nothing in memory can be trusted. */
  clear(): void {
    this.known.clear();
    this.logs.clear();
    this.holding.length = 0;
    this.policies.clear();
  }

  release(): void {
    for (const held of this.holding) held.release();
    this.holding.length = 0;
  }

  private load(no: number): Space {
    const row = this.db.prepare('SELECT * FROM tenant WHERE no = ?').get(tenantNoOf(no));
    if (row === undefined) throw new Error(`no tenant has the number ${tenantNoOf(no)}`);
    const tenant = tenantOf(row);
    const plan = this.plan(tenant.plan);
    const identities = new Map<string, IdentityRow>();
    for (const found of this.db.prepare('SELECT * FROM identity WHERE space = ? AND deleted_at IS NULL').all(no)) {
      const identity = identityOf(found);
      const ofTier = identity.tier === null ? undefined : plan.tiers[identity.tier];
      identity.dailyCap = smallerCap(identity.dailyCap, ofTier ?? null);
      identities.set(identity.handle, identity);
      identities.set(identity.id, identity);
    }
    const clock = this.db.prepare('SELECT now FROM test_clock WHERE space = ?').get(no) as { now: number } | undefined;
    const log = this.logs.get(no) ?? LogTail.read(this.db, no);
    this.logs.set(no, log);
    const due = this.db.prepare('SELECT min(due) AS due FROM recipient WHERE space = ? AND due >= 0').get(no) as {
      due: number | null;
    };
    const pool = loadPool(this.db, no);
    const senders = new SpaceSenders({
      tenantId: tenant.id,
      gatewayDomain: this.gateway.domain,
      mailLeaves: mailLeaves(this.db, no, this.gateway),
      identities,
      domains: loadDomains(this.db, no),
      pool,
    });
    const policy = this.policyInForce(no, plan.limits);
    const shadow = this.shadowOf(no, policy);
    const space = new Space(no, this.cache, this.risks, this.holding, {
      tenant,
      policy: countingFor(policy, shadow?.policy ?? null),
      shadow,
      canaries: canariesOf(this.db, no, policy),
      pool,
      routing: this.routing,
      senders,
      storageLimit: plan.storageBytes,
      freeing: () => freeing(this.db, no, plan.retentionMs),
      identities,
      tiers: plan.tiers,
      log,
      frozenAt: clock?.now ?? null,
      leases: loadLeases(this.db, no),
    });
    space.erased = readErased(this.db, no);
    space.readsMailboxes = this.hasReadMailbox(no);
    space.takesMail = this.gateway.takesMail ?? true;
    space.nextDue = due.due ?? Number.POSITIVE_INFINITY;
    space.nextHoldEnd = this.holdEnd(no);
    space.lastNow = newestAt(this.db, logEnds(this.db, no)) ?? 0;
    space.quarantine = standingOf(openQuarantine(this.db, no));
    for (const { recoversAt } of space.pool?.mailboxes.values() ?? []) if (recoversAt !== null) space.nextRecovery = 0;
    if (space.frozenAt !== null) space.nextClaimEnd = this.claimEnd(no);
    this.known.set(no, space);
    return space;
  }

  /** The real time at which the next claim in a space whose clock stands still ends. */
  claimEnd(no: number): number {
    const row = this.db
      .prepare('SELECT min(due) AS due FROM recipient WHERE space = ? AND due >= 0 AND due >= ?')
      .get(no, REAL_TIME);
    const due = row?.['due'] as number | null;
    return due === null ? Number.POSITIVE_INFINITY : due - REAL_TIME;
  }

  /** One that could be looked into at least once: an address alone shows nobody's answers. */
  private hasReadMailbox(no: number): boolean {
    const one = this.db.prepare(
      `SELECT 1 FROM mailbox m JOIN imap_place p ON p.mailbox = m.no
       WHERE m.space = ? AND m.imap_url IS NOT NULL AND m.deleted_at IS NULL AND p.seen_at IS NOT NULL LIMIT 1`,
    );
    return one.get(no) !== undefined;
  }

  /** When the first of the approvals that wait is over. */
  holdEnd(no: number): number {
    const row = this.db
      .prepare("SELECT min(expires_at) AS at FROM approval WHERE space = ? AND state = 'pending'")
      .get(no);
    return (row?.['at'] as number | null) ?? Number.POSITIVE_INFINITY;
  }

  private plan(name: string | null): PlanParts {
    const row =
      name === null
        ? undefined
        : (this.db.prepare('SELECT document FROM plan WHERE name = ?').get(name) as { document: string } | undefined);
    if (row === undefined) return { limits: {}, storageBytes: null, retentionMs: null, tiers: {} };
    const document = JSON.parse(row.document) as PlanDocument;
    return {
      limits: document.limits === undefined ? {} : { limits: document.limits },
      storageBytes: document.storage_bytes ?? null,
      retentionMs: document.retention_days == null ? null : document.retention_days * DAY_MS,
      // Without a prototype: a tier may be called "constructor".
      tiers: Object.assign(Object.create(null), document.tiers),
    };
  }

  /** What is in force for a space, stored under its own number so that verdicts can name it. */
  private policyInForce(no: number, plan: PolicyDocument): Policy {
    const document = effectiveDocument(
      POLICY_DEFAULTS as EffectiveDocument,
      [this.newest('default', no % 2), plan, this.newest('operator', no)],
      this.newest('tenant', no),
    );
    return compilePolicy(this.numberOf(document), document);
  }

  private shadowOf(no: number, policy: Policy): SpaceShadow | null {
    const row = this.db.prepare('SELECT document, since FROM shadow_policy WHERE space = ?').get(no) as
      | { document: string; since: number }
      | undefined;
    if (row === undefined) return null;
    const document = draftOver(policy.document, JSON.parse(row.document) as PolicyDocument);
    return { policy: compileShadow(this.numberOf(document), document), since: row.since };
  }

  /** The number of a document that decides, by which verdicts name it; equal ones share it. */
  private numberOf(document: EffectiveDocument): number {
    const text = JSON.stringify(document);
    const sha256 = createHash('sha256').update(text).digest('hex');
    const known = this.db.prepare('SELECT no FROM effective_policy WHERE sha256 = ?').get(sha256) as
      | { no: number }
      | undefined;
    return (
      known?.no ??
      Number(
        this.db
          .prepare('INSERT INTO effective_policy (sha256, document, created_at) VALUES (?, ?, ?)')
          .run(sha256, text, Date.now()).lastInsertRowid,
      )
    );
  }

  /** The policy that a stored verdict names. */
  policyAt(version: number): Policy {
    const known = this.policies.get(version);
    if (known !== undefined) return known;
    const row = this.db.prepare('SELECT document FROM effective_policy WHERE no = ?').get(version) as
      | { document: string }
      | undefined;
    if (row === undefined) throw new Error(`no policy has the number ${version}`);
    if (this.policies.size >= MOST_POLICIES) this.policies.clear();
    const policy = compilePolicy(version, JSON.parse(row.document) as EffectiveDocument);
    this.policies.set(version, policy);
    return policy;
  }

  /** The newest document of an owner; defaults stand at 0 and 1, which no tenant has. */
  newest(owner: string, space: number): PolicyDocument {
    const row = this.db
      .prepare('SELECT document FROM policy_document WHERE owner = ? AND space = ? ORDER BY version DESC LIMIT 1')
      .get(owner, space) as { document: string } | undefined;
    return row === undefined ? {} : (JSON.parse(row.document) as PolicyDocument);
  }
}
