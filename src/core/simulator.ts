/**
 * The simulator: addresses at one domain that end in a chosen outcome or are refused for a chosen reason, in test mode.
 * All of them follow from the catalogue.
 */

import type { DecidedReason, DecidedWarning } from './explain.ts';
import { type ExampleContext, exampleId } from './reasons/entry.ts';
import {
  isReasonCode,
  REASON_CODES,
  REASONS,
  type ReasonCode,
  type ReasonEntry,
  type Scope,
  WARNINGS,
  type WarningCode,
} from './reasons.ts';

export const SIMULATOR_DOMAIN = 'simulator.postern.test';

/** What an accepted simulator recipient comes to. `bounced-soft` has the class `mailbox_full`. */
export const SIMULATED_OUTCOMES = [
  'delivered',
  'bounced',
  'bounced-soft',
  'complained',
  'deferred',
  'replied',
  'uncertain',
] as const;

export type SimulatedOutcome = (typeof SIMULATED_OUTCOMES)[number];

export type SimulatorAddress = { kind: 'outcome'; outcome: SimulatedOutcome } | { kind: 'blocked'; code: ReasonCode };

const BLOCKED = 'blocked+';

/** The reasons that have a status, and so an address. */
const REFUSALS = REASON_CODES.filter((code) => REASONS[code].http !== null);

/** Every simulator address, outcomes first, then refusals in order of precedence. */
export const SIMULATOR_ADDRESSES: readonly string[] = [
  ...SIMULATED_OUTCOMES,
  ...REFUSALS.map((code) => BLOCKED + code),
].map((local) => `${local}@${SIMULATOR_DOMAIN}`);

/** What a local part at the simulator's domain means; letter case does not matter. Null when it means nothing. */
export function parseSimulatorAddress(local: string): SimulatorAddress | null {
  if (local.length > 64) return null;
  const name = local.toLowerCase();
  const outcome = SIMULATED_OUTCOMES.find((known) => known === name);
  if (outcome !== undefined) return { kind: 'outcome', outcome };
  if (!name.startsWith(BLOCKED)) return null;
  const code = name.slice(BLOCKED.length);
  return isReasonCode(code) && REASONS[code].http !== null ? { kind: 'blocked', code } : null;
}

/** The time at which the examples in documentation play: 2026-04-27T08:12:00Z. */
export const EXAMPLE_NOW_MS = Date.UTC(2026, 3, 27, 8, 12);

/** Whose example it is; made-up ones where nothing is given. */
export type SimulatedFor = { tenant?: Scope; recipient?: Scope };

/**
 * A realistic case of a reason at the time `now` (milliseconds): the simulator answers with it and the pages about
 * reasons show it.
 */
export function simulatedReason(code: ReasonCode, now: number, about: SimulatedFor = {}): DecidedReason {
  const entry: ReasonEntry = REASONS[code];
  return { code, ...entry.example(context(now, about)) };
}

/** A realistic case of a warning at the time `now` (milliseconds). */
export function simulatedWarning(code: WarningCode, now: number, about: SimulatedFor = {}): DecidedWarning {
  return { code, ...WARNINGS[code].example(context(now, about)) };
}

function context(now: number, about: SimulatedFor): ExampleContext {
  return {
    now,
    tenant: about.tenant ?? { kind: 'tenant', id: exampleId('ten') },
    recipient: about.recipient ?? { kind: 'recipient', id: 'bob@example.com' },
  };
}
