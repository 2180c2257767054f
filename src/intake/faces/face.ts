/** What a face is: another system's wire format over the one road of submissions. It reads, it writes, it decides nothing. */
import type { FastifyInstance } from 'fastify';
import type { Fixes } from '../../core/explain.ts';
import type { ReasonCode } from '../../core/reasons.ts';
import type { Wording } from '../../http/wording.ts';
import type { IntakeDoor } from '../door.ts';

/** What a reason is in the words of a system: the status of its answer, and its own code or name. */
export type FaceWord = { http: number; word: string | number };

export type FaceWords = Readonly<Record<ReasonCode, FaceWord>>;

export type Face = Wording & {
  /** As `GET /v1/reasons` names it: `servicem8`, `12m`, … */
  name: string;
  /** For people. */
  title: string;
  words: FaceWords;
  routes: (server: FastifyInstance, door: IntakeDoor) => void;
};

/** For clients that have neither `on_limit` nor `send_at`. */
export const PLAIN_FIXES = {
  send_rate_exceeded: 'Wait as long as `Retry-After` says.',
  hourly_quota_exceeded: 'Wait until `clears.at`.',
  daily_quota_exceeded: 'Wait until `clears.at`.',
  cooldown: 'Send at `clears.at` or later.',
  limit_approaching: 'Slow down, so that nothing is refused when the limit is reached.',
} as const satisfies Fixes;
