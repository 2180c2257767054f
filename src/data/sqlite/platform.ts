/**
 * The platform's pause: sends are refused, and what was accepted before waits in the queue, until the operator resumes.
 *
 * The writer refuses by it, so that no door and no worker can pass; it stands among the settings and outlives the process.
 */
import type { Actor } from '../port/management.ts';
import type { PlatformPause, PlatformWrites } from '../port/platform.ts';
import { audit, by } from './audit.ts';
import type { WriteCalls } from './calls.ts';
import { writePlatformPause } from './platform-pause.ts';
import { spaceOf } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

type PauseCalls = Pick<PlatformWrites, 'pausePlatform' | 'resumePlatform' | 'platformPause'>;
export const PLATFORM_WRITES: WriteCalls<PauseCalls> = {
  pausePlatform(state, { note, actor }) {
    if (state.platformPause !== null) return null;
    const pause: PlatformPause = { since: state.realNow, note, by: actor.name };
    writePlatformPause(state.db, pause);
    state.platformPause = pause;
    record(state, 'platform.paused', note, actor);
    tellAll(state, 'account.paused', note);
    return pause;
  },

  resumePlatform(state, { note, actor }) {
    const pause = state.platformPause;
    if (pause === null) return null;
    writePlatformPause(state.db, null);
    state.platformPause = null;
    record(state, 'platform.resumed', note, actor);
    tellAll(state, 'account.resumed', note);
    return pause;
  },

  platformPause: (state) => state.platformPause,
};

function record(state: WriterState, action: string, note: string | null, actor: Actor): void {
  audit(state, { tenantNo: null, mode: null, ...by(actor), action, target: 'platform', note });
}

/**
 * Every tenant hears of it in live mode; in test mode those do that are at work. Ten thousand tenants take about a second, in
 * which nothing else is written.
 */
function tellAll(state: WriterState, type: 'account.paused' | 'account.resumed', note: string | null): void {
  const tenants = state.db.prepare('SELECT no FROM tenant').all() as { no: number }[];
  const spaces = new Set(tenants.map(({ no }) => state.spaces.get(spaceOf(no, 'live'))));
  for (const space of state.spaces.all()) spaces.add(space);
  for (const space of spaces) {
    const data = { standing: space.tenant.standing, set_by: 'platform', note };
    state.emit(space, type, space.now(state.realNow), null, data);
  }
}
