/**
 * Leases and agents: the writes.
 *
 * Invariants: a contact has at most one open lease; one whose end has come is ended before anything else is done about
 * leases, so neither a late renewal nor a late heartbeat brings it back; whoever acquires gets a token that no earlier
 * holder has. Decisions read what is in memory and compare times themselves: that an end has come matters at once, and its
 * event may follow a moment later.
 */
import { APPROVAL_MODES } from '../../policy/facts-approval.ts';
import type {
  AgentAnswer,
  AgentFields,
  AgentRow,
  LeaseCaller,
  LeaseConflict,
  LeaseRow,
  LeaseRowState,
  LeasesWrites,
  OwnLease,
} from '../port/leases.ts';
import type { Actor } from '../port/management.ts';
import type { Space as SpaceName } from '../store.ts';
import { type AuditInput, audit, by } from './audit.ts';
import type { WriteCalls } from './calls.ts';
import { prepared } from './database.ts';
import type { HeldLease } from './lease-rows.ts';
import { refuseLoosening } from './policies.ts';
import { type Space, spaceOf } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

const MOST_OPEN = 50_000;
const MOST_AGENTS = 5_000;

type At = { state: WriterState; space: Space; now: number };

/** The space at its time, with all leases ended whose time has come. */
function at(state: WriterState, { tenantNo, mode }: SpaceName): At {
  const space = state.spaces.get(spaceOf(tenantNo, mode));
  const now = space.now(state.realNow);
  expireLeases(state, space);
  return { state, space, now };
}

/** Ends the leases of a space whose time has come; answers with how many. */
export function expireLeases(state: WriterState, space: Space): number {
  const { leases } = space;
  const now = space.now(state.realNow);
  if (leases.nextEnd > now) return 0;
  let next = Number.POSITIVE_INFINITY;
  let count = 0;
  for (const lease of [...leases.open.values()]) {
    const endsAt = leases.endOf(lease);
    if (endsAt > now) next = Math.min(next, endsAt);
    else {
      end({ state, space, now }, lease, 'expired', endsAt);
      count += 1;
    }
  }
  leases.nextEnd = next;
  return count;
}

/** Ends what has had its time in every space that holds leases. */
export function expireAllLeases(state: WriterState): number {
  const rows = prepared(
    state.db,
    'SELECT DISTINCT space FROM lease INDEXED BY lease_open WHERE ended_at IS NULL',
  ).all();
  let count = 0;
  for (const { space } of rows as { space: number }[]) count += expireLeases(state, state.spaces.get(space));
  return count;
}

function end({ state, space, now }: At, lease: HeldLease, ending: LeaseRowState, endedAt: number): LeaseRow {
  space.leases.open.delete(lease.contact);
  prepared(state.db, 'UPDATE lease SET ended_at = ?, ending = ? WHERE id = ?').run(endedAt, ending, lease.id);
  const type = ending === 'expired' ? 'lease.expired' : 'lease.released';
  const { id, contact, agent } = lease;
  const data = { lease_id: id, contact, agent, ended_at: endedAt };
  state.emit(space, type, now, null, ending === 'superseded' ? { ...data, superseded: true } : data);
  return { ...shown(space, lease), state: ending, expiresAt: endedAt };
}

function shown(space: Space, lease: HeldLease): LeaseRow {
  const { id, contact, agent, purpose, acquiredAt } = lease;
  return { id, contact, agent, purpose, state: 'active', acquiredAt, expiresAt: space.leases.endOf(lease) };
}

function own(space: Space, lease: HeldLease): OwnLease {
  return { ...shown(space, lease), token: lease.token };
}

function conflict({ space, now }: At, lease: HeldLease, problem: LeaseConflict['problem']): LeaseConflict {
  return { outcome: 'conflict', problem, lease: shown(space, lease), now };
}

/** An open lease by its id, or what became of it. */
function find({ state, space }: At, id: string): { lease: HeldLease } | { state: LeaseRowState } | null {
  const row = prepared(state.db, 'SELECT contact, ending FROM lease WHERE space = ? AND id = ?').get(space.no, id) as
    | { contact: string; ending: LeaseRowState | null }
    | undefined;
  if (row === undefined) return null;
  const lease = space.leases.open.get(row.contact);
  return lease?.id === id ? { lease } : { state: row.ending ?? 'expired' };
}

/** The token proves a holder; so does speaking for its agent, or, where no agent is named, the key that acquired it. */
function holds(space: Space, lease: HeldLease, { agent, token, actor }: LeaseCaller): boolean {
  if (token !== null) return token === lease.token;
  return agent === null ? actor.id === lease.acquiredBy : space.leases.nameOf(agent) === lease.agent;
}

function agentAnswer(agent: AgentRow): AgentAnswer {
  return { outcome: 'done', agent: { ...agent } };
}

function auditAgent(
  { state, space }: At,
  action: string,
  agent: AgentRow,
  about: Pick<AuditInput, 'note' | 'before' | 'after'> & { actor: Actor },
): void {
  const { actor, ...rest } = about;
  const { no: tenantNo } = space.tenant;
  const mode = space.no % 2 === 1 ? 'test' : 'live';
  audit(state, { tenantNo, mode, ...by(actor), action, target: agent.id, ...rest });
}

const fieldsOf = ({ name, heartbeatSeconds, approvals }: AgentFields): AgentFields => ({
  name,
  heartbeatSeconds,
  approvals,
});

/** What a change of an agent would loosen. */
function loosened(before: AgentFields, after: AgentFields): string[] {
  const rank = ({ approvals }: AgentFields): number => APPROVAL_MODES.indexOf(approvals);
  return rank(after) < rank(before) ? ['agent.approvals'] : [];
}

export const LEASE_WRITES: WriteCalls<LeasesWrites> = {
  acquireLease(state, { id, token, contact, agent, purpose, ttlMs, actor, ...name }) {
    const here = at(state, name);
    const { space, now } = here;
    const { leases } = space;
    const holder = leases.nameOf(agent)!;
    if (holder.startsWith('agt_')) return { outcome: 'unknown_agent' };
    const held = leases.open.get(contact);
    if (held !== undefined && held.agent !== holder) return conflict(here, held, 'held_by_other');
    if (held === undefined && leases.open.size >= MOST_OPEN) return { outcome: 'too_many', most: MOST_OPEN };
    if (held !== undefined) end(here, held, 'superseded', now);
    see(here, holder);
    const lease: HeldLease = {
      id,
      contact,
      agent: holder,
      token,
      purpose,
      acquiredAt: now,
      acquiredBy: actor.id,
      ttlMs,
      expiresAt: now + ttlMs,
    };
    prepared(
      state.db,
      `INSERT INTO lease (id, space, contact, agent, token, purpose, acquired_at, acquired_by, ttl_ms, expires_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ).run(id, space.no, contact, holder, token, purpose, now, actor.id, ttlMs, lease.expiresAt);
    leases.hold(lease);
    const { expiresAt } = shown(space, lease);
    state.emit(space, 'lease.acquired', now, null, { lease_id: id, contact, agent: holder, expires_at: expiresAt });
    return { outcome: 'acquired', lease: own(space, lease) };
  },

  renewLease(state, { id, ttlMs, tenantNo, mode, ...who }) {
    const here = at(state, { tenantNo, mode });
    const found = find(here, id);
    if (found === null) return { outcome: 'missing' };
    if ('state' in found) return { outcome: 'ended', state: found.state };
    const { space, now } = here;
    const { lease } = found;
    if (!holds(space, lease, who)) return conflict(here, lease, who.token === null ? 'held_by_other' : 'stale_token');
    see(here, lease.agent);
    // Renewing never ends it sooner.
    lease.expiresAt = Math.max(lease.expiresAt, now + (ttlMs ?? lease.ttlMs));
    prepared(state.db, 'UPDATE lease SET expires_at = ? WHERE id = ?').run(lease.expiresAt, id);
    return { outcome: 'renewed', lease: own(space, lease) };
  },

  releaseLease(state, { id, note, tenantNo, mode, ...who }) {
    const here = at(state, { tenantNo, mode });
    const found = find(here, id);
    if (found === null) return { outcome: 'missing' };
    if ('state' in found) return { outcome: 'ended', state: found.state };
    const { lease } = found;
    if (!holds(here.space, lease, who)) {
      const refused = refuseLoosening(['lease'], note, who.actor);
      if (refused !== null) return refused;
      const { contact, agent } = lease;
      const about = { action: 'lease.released', target: id, note, before: { contact, agent } };
      audit(state, { tenantNo, mode, ...by(who.actor), ...about });
    }
    return { outcome: 'released', lease: end(here, lease, 'released', here.now) };
  },

  registerAgent(state, { id, fields, actor, ...name }) {
    const here = at(state, name);
    const { space, now } = here;
    const { agents } = space.leases;
    if (agents.has(fields.name)) return { outcome: 'taken' };
    if (agents.size >= 2 * MOST_AGENTS) return { outcome: 'too_many', most: MOST_AGENTS };
    const agent: AgentRow = { id, ...fieldsOf(fields), seenAt: now, createdAt: now };
    prepared(
      state.db,
      'INSERT INTO agent (id, space, name, heartbeat_seconds, approvals, seen_at, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
    ).run(id, space.no, agent.name, agent.heartbeatSeconds, agent.approvals, now, now);
    space.leases.register(agent);
    space.leases.nextEnd = 0;
    auditAgent(here, 'agent.registered', agent, { actor, after: fieldsOf(agent) });
    return agentAnswer(agent);
  },

  changeAgent(state, { id, change, note, actor, ...name }) {
    const here = at(state, name);
    const { leases } = here.space;
    const before = leases.agents.get(id);
    if (before === undefined) return { outcome: 'missing' };
    const given = Object.entries(change).filter(([, value]) => value !== undefined);
    const after: AgentRow = { ...before, ...Object.fromEntries(given) };
    const other = leases.agents.get(after.name);
    if (other !== undefined && other.id !== before.id) return { outcome: 'taken' };
    const refused = refuseLoosening(loosened(before, after), note, actor);
    if (refused !== null) return refused;
    prepared(state.db, 'UPDATE agent SET name = ?, heartbeat_seconds = ?, approvals = ? WHERE id = ?').run(
      after.name,
      after.heartbeatSeconds,
      after.approvals,
      after.id,
    );
    leases.forgetAgent(before);
    leases.register(after);
    rename(here, before.name, after.name);
    leases.nextEnd = 0;
    auditAgent(here, 'agent.changed', after, { actor, note, before: fieldsOf(before), after: fieldsOf(after) });
    return agentAnswer(after);
  },

  removeAgent(state, { id, note, actor, ...name }) {
    const here = at(state, name);
    const { leases } = here.space;
    const agent = leases.agents.get(id);
    if (agent === undefined) return { outcome: 'missing' };
    const refused = refuseLoosening(agent.approvals === 'none' ? [] : ['agent.approvals'], note, actor);
    if (refused !== null) return refused;
    for (const lease of [...leases.open.values()])
      if (lease.agent === agent.name) end(here, lease, 'released', here.now);
    prepared(state.db, 'UPDATE agent SET removed_at = ? WHERE id = ?').run(here.now, agent.id);
    leases.forgetAgent(agent);
    auditAgent(here, 'agent.removed', agent, { actor, note, before: fieldsOf(agent) });
    return agentAnswer(agent);
  },

  agentHeartbeat(state, { id, ...name }) {
    const here = at(state, name);
    const agent = here.space.leases.agents.get(id);
    if (agent === undefined) return { outcome: 'missing' };
    see(here, agent.name);
    return agentAnswer(agent);
  },
};

/** Takes the leases of a person who is erased away; whoever held one hears of it without the address. */
export function forgetLeases(state: WriterState, space: Space, contact: string): void {
  const open = space.leases.open.get(contact);
  space.leases.open.delete(contact);
  prepared(state.db, 'DELETE FROM lease WHERE space = ? AND contact = ?').run(space.no, contact);
  if (open === undefined) return;
  const now = space.now(state.realNow);
  const data = { lease_id: open.id, agent: open.agent, ended_at: now, erased: true };
  state.emit(space, 'lease.released', now, null, data);
}

/** A sign of life of an agent. */
function see({ state, space, now }: At, name: string): void {
  const agent = space.leases.agents.get(name);
  if (agent === undefined || agent.seenAt === now) return;
  agent.seenAt = now;
  prepared(state.db, 'UPDATE agent SET seen_at = ? WHERE id = ?').run(now, agent.id);
}

/** Its leases go with an agent to its new name. */
function rename({ state, space }: At, from: string, to: string): void {
  if (from === to) return;
  for (const lease of space.leases.open.values()) if (lease.agent === from) lease.agent = to;
  prepared(state.db, 'UPDATE lease SET agent = ? WHERE space = ? AND agent = ? AND ended_at IS NULL').run(
    to,
    space.no,
    from,
  );
}
