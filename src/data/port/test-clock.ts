/** The part of the port that test mode adds: a clock that stands still, and data that can be emptied. */
import type { Duration } from '../../core/duration.ts';

export type TestClock = {
  /** Milliseconds; real time where the clock is not frozen. */
  now: number;
  frozen: boolean;
  /** Recipients whose time has come and that have not left yet, those in flight included; at most 10,000 are counted. */
  due: number;
};

export type TestClockMove = { ok: true; now: number } | { ok: false; why: 'backward' | 'too_far'; bound: number };

/** Whose data, and who asks: the name of the key, and its id for the audit log. */
export type TestClockCaller = { tenantNo: number; actor: string; actorId?: string };

export interface TestClockWrites {
  /** Freezes the tenant's test time, forward only; `advance` counts from where the clock stands. */
  moveTestClock(input: TestClockCaller & { to: { now: number } | { advance: Duration } }): Promise<TestClockMove>;
  /** Gives the real clock back and empties the test data. */
  endTestClock(input: TestClockCaller): Promise<null>;
  /** Empties the test data. Keys, policies and identities stay, and event numbers go on. */
  resetTestData(input: TestClockCaller): Promise<null>;
}

export interface TestClockReads {
  testClock(input: { tenantNo: number }): Promise<TestClock>;
}
