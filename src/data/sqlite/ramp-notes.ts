/**
 * What came of a mailbox's mail to a family of destinations while it is warmed up: its warm-up stands still where much is deferred or
 * complained of, and grows again when that has passed. Kept as gauges beside the counters of the same scope.
 */
import { familyOf } from '../../policy/families.ts';
import { familyScope } from '../../policy/ledger.ts';
import { faded, type RampSample, shouldStand } from '../../policy/ramp.ts';
import { DAY_SECONDS } from '../../policy/series.ts';
import type { Entry } from './ledger-entry.ts';
import { STANDS_SINCE, STOOD_DAYS, stoodIn } from './routing.ts';
import type { Space } from './spaces.ts';
import type { RecipientRow } from './stored.ts';
import type { WriterState } from './writer-state.ts';

const SAMPLE = ['day', 'tried', 'deferred', 'complained'] as const;

export type RampOutcome = 'taken' | 'deferred' | 'complained';

export function noteRamp(
  state: WriterState,
  space: Space,
  row: Pick<RecipientRow, 'mailbox' | 'key' | 'email'>,
  outcome: RampOutcome,
  now: number,
): void {
  if (row.mailbox === null || space.pool?.mailboxes.get(row.mailbox)?.warmup == null) return;
  const key = row.key ?? row.email;
  const family = familyOf(key.slice(key.lastIndexOf('@') + 1));
  const entry = space.scope('mailbox', familyScope(row.mailbox, family)) as Entry;
  const today = Math.floor(now / 1000 / DAY_SECONDS);
  const before = sampleIn(entry);
  const sample = { ...faded(before, today) };
  if (outcome !== 'complained') sample.tried += 1;
  if (outcome !== 'taken') sample[outcome] += 1;
  for (const name of SAMPLE) state.ledger.addGauge(entry, `ramp_${name}`, sample[name] - before[name]);
  stand(state, entry, sample, today);
}

function sampleIn({ gauges }: Entry): RampSample {
  const of = (name: (typeof SAMPLE)[number]): number => gauges?.get(`ramp_${name}`) ?? 0;
  return { day: of('day'), tried: of('tried'), deferred: of('deferred'), complained: of('complained') };
}

function stand(state: WriterState, entry: Entry, sample: RampSample, today: number): void {
  const { since } = stoodIn(entry);
  const stands = shouldStand(sample, since !== null);
  if (stands === (since !== null)) return;
  if (since === null) state.ledger.addGauge(entry, STANDS_SINCE, today + 1);
  else {
    state.ledger.addGauge(entry, STANDS_SINCE, -(since + 1));
    state.ledger.addGauge(entry, STOOD_DAYS, Math.max(0, today - since));
  }
}
