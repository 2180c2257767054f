/** Unsubscribing by a recipient's own link: the same as any other return, and once, however often the link is followed. */
import type { ReturnsWrites, UnsubscribeAnswer } from '../port/returns.ts';
import { findRecipient, isUnsubscribed } from './proven-returns.ts';
import { applyReturn } from './returns.ts';
import type { WriterState } from './writer-state.ts';

type Input = Parameters<ReturnsWrites['unsubscribe']>[0];

export function unsubscribe(state: WriterState, { tenantNo, recipientId }: Input): UnsubscribeAnswer {
  state.flushRows();
  const found = findRecipient(state, tenantNo, recipientId);
  if (found === null) return { outcome: 'not_found' };
  const { message, row } = found;
  const space = state.spaces.get(message.space);
  const now = space.now(state.realNow);
  if (isUnsubscribed(space, row.key ?? row.email, now)) return { outcome: 'known' };
  const thing = { kind: 'unsubscribe', class: 'unknown', at: now, source: 'return' } as const;
  applyReturn(state, space, row, message, thing);
  return { outcome: 'applied' };
}
