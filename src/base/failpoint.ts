/**
 * Points at which a test stops the process. Only a setting that testing alone allows arms one; where none is armed, a
 * passage costs one comparison.
 *
 * A point is written `name` or `name:n` for its n-th passage. The process then ends as by `kill -9`; with `hold-` before
 * the name it stays there instead, until it is killed from outside. `hold-commit` is short for `hold-before-commit`.
 */

const FAILPOINTS = [
  'before-claim',
  'after-claim',
  'after-mail',
  'mid-body',
  'before-dot',
  'after-dot',
  'after-250',
  'before-commit',
  'after-commit',
] as const;

export type Failpoint = (typeof FAILPOINTS)[number];

type Armed = { point: Failpoint; isHold: boolean; passagesLeft: number };

/** `armed` is per thread. */
export const failpoint: { armed: Armed | null } = { armed: null };

/** Arms a point in this thread; answers with a sentence where the text names none. */
export function armFailpoint(text: string | null): string | null {
  failpoint.armed = null;
  if (text === null) return null;
  const [name = '', nth = '1'] = text.split(':');
  const isHold = name.startsWith('hold-');
  const bare = name === 'hold-commit' ? 'before-commit' : isHold ? name.slice(5) : name;
  const point = FAILPOINTS.find((known) => known === bare);
  if (point === undefined || !/^[1-9]\d{0,6}$/.test(nth)) {
    return `POSTERN_FAILPOINT is "${text.slice(0, 50)}": set it to one of ${FAILPOINTS.join(', ')}, with hold- before it or :n behind it.`;
  }
  failpoint.armed = { point, isHold, passagesLeft: Number(nth) };
  return null;
}

function isReached(point: Failpoint): boolean {
  const { armed } = failpoint;
  if (armed?.point !== point) return false;
  armed.passagesLeft -= 1;
  return armed.passagesLeft <= 0;
}

/** For code that may wait: a held passage never resolves, others go on. */
export async function reachFailpoint(point: Failpoint): Promise<void> {
  if (!isReached(point)) return;
  if (failpoint.armed?.isHold) await new Promise<never>(() => {});
  process.kill(process.pid, 'SIGKILL');
}

/** For code that cannot wait: holding stops the whole thread. */
export function passFailpoint(point: Failpoint): void {
  if (!isReached(point)) return;
  if (!failpoint.armed?.isHold) process.kill(process.pid, 'SIGKILL');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
