/** Events as answers and webhooks show them. */
import {
  type DecidedReason,
  type DecidedWarning,
  type ExplainOptions,
  explainReason,
  explainWarning,
  writtenEvidence,
} from '../core/explain.ts';
import { formatTime } from '../core/time.ts';
import type { EventRow } from '../data/store.ts';

export type EventBody = {
  id: string;
  seq: number;
  type: string;
  created_at: string;
  data: Record<string, unknown>;
};

/** Reasons of a decision; an event may also name plain codes. */
function isDecided(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'evidence' in value;
}

export function eventBody(event: EventRow, options: ExplainOptions): EventBody {
  const { id, seq, type, createdAt, data } = event;
  const { reasons, warnings, ...rest } = data;
  const written = writtenEvidence(rest);
  if (Array.isArray(reasons)) {
    written['reasons'] = reasons.map((one) => (isDecided(one) ? explainReason(one as DecidedReason, options) : one));
  }
  if (Array.isArray(warnings)) {
    written['warnings'] = warnings.map((one) =>
      isDecided(one) ? explainWarning(one as DecidedWarning, options) : one,
    );
  }
  return { id, seq, type, created_at: formatTime(createdAt), data: written };
}
