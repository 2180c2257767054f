/** Every write of the port by name. Each runs inside a group's transaction and never waits. */
import type { StoreWrites } from '../store.ts';
import { admit, check } from './admit.ts';
import { claim, dueIn, mark, settle } from './dispatch.ts';
import { headroom } from './headroom.ts';
import { putIdentity } from './identities.ts';
import { createKey, createTenant, putPolicy, revokeKey } from './tenants.ts';
import type { WriterState } from './writer-state.ts';

type Calls = {
  [Name in keyof StoreWrites]: (
    state: WriterState,
    input: Parameters<StoreWrites[Name]>[0],
  ) => Awaited<ReturnType<StoreWrites[Name]>>;
};

/** Calls that decide by the clock: refused while it cannot be believed. */
export const DECIDING_CALLS: ReadonlySet<string> = new Set(['admit', 'check', 'claim']);

/** Calls that take on nothing new: what they record has happened already, so they run on a full disk too. */
export const RECORDING_CALLS: ReadonlySet<string> = new Set(['settle', 'check', 'headroom', 'dueIn']);

export const WRITER_CALLS: Calls = {
  admit,
  check,
  headroom,
  claim,
  mark,
  settle,
  dueIn,
  createTenant,
  createKey,
  putPolicy,
  putIdentity,
  revokeKey,
  putSetting(state, { name, value }) {
    state.db.prepare('INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)').run(name, value);
    return null;
  },
};
