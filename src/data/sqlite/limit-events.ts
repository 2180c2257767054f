/** What is told of limits as recipients count in them: that four fifths are used, and that all is. */
import type { Limit } from '../../policy/document.ts';
import { seriesIn } from '../../policy/ledger.ts';
import { isSameWay, type WayKey } from '../../policy/route.ts';
import type { Send } from '../../policy/send.ts';
import type { Scope } from '../../policy/verdict.ts';
import { isNear, limitsOfWay, scopeOfWay, stateOfWay } from '../../policy/ways.ts';
import { usedAt } from '../../policy/windows.ts';
import type { Space } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

type Crossed = { limit: Limit; scope: Scope; used: number; at: number; policyVersion: number };

/** Whether one more, with which `used` are, has brought a limit to a line that is told of. */
export function crossesLine(used: number, max: number): boolean {
  return used === max || (isNear(used, max) && !isNear(used - 1, max));
}

/** After one more counted: `used` with it. Told where it crossed a line alone. */
export function announceLimit(
  state: WriterState,
  space: Space,
  { limit, scope, used, at, policyVersion }: Crossed,
): void {
  const { name, unit, windowName, max } = limit;
  const approaching = !isNear(used - 1, max) && isNear(used, max);
  if (!approaching && used !== max) return;
  const data = { name, scope, unit, window: windowName, limit: max, used, policy_version: policyVersion };
  if (approaching) state.emit(space, 'limit.approaching', at, null, data);
  if (used === max) state.emit(space, 'limit.reached', at, null, data);
}

/** After a recipient was counted on a way at `at`: the caps of its mailbox and provider. `space.identity` is the sender's. */
export function announceWay(
  state: WriterState,
  space: Space,
  send: Send,
  { provider, mailbox, at, now }: WayKey & { at: number; now: number },
): void {
  const way = space.sight?.ways.find((one) => isSameWay(one, { provider, mailbox }));
  if (way === undefined) return;
  const { policy } = space;
  for (const limit of limitsOfWay(way, policy).windows) {
    const { scope, window } = limit;
    const counter = stateOfWay(space, scope, way, send);
    if (counter === null || window.kind === 'rate' || (scope !== 'mailbox' && scope !== 'provider')) continue;
    const used = usedAt(seriesIn(counter, 'recipient'), window, Math.floor(at / 1000));
    announceLimit(state, space, {
      limit,
      scope: scopeOfWay(way, scope, send),
      used,
      at: now,
      policyVersion: policy.version,
    });
  }
}
