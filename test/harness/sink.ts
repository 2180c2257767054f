/** Captured mail as a test waits for it: no sleeping, looked at again after every event that was committed. */
import type { TestGateway } from './gateway.ts';

const HANG_MS = 20_000;

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
export type Captured = any;

/** The captured mail of a recipient (or of all) once there are `count` of them. */
export async function captured(
  gateway: TestGateway,
  count: number,
  options: { recipient?: string; key?: string } = {},
): Promise<Captured[]> {
  const { store } = gateway.gateway;
  const path = `/v1/sink?limit=200${options.recipient === undefined ? '' : `&recipient=${encodeURIComponent(options.recipient)}`}`;
  const until = performance.now() + HANG_MS;
  for (;;) {
    let wake = (): void => undefined;
    const events = new Promise<void>((resolve) => {
      wake = resolve;
    });
    store.onEvents(wake);
    const { body } = await gateway.fetchJson('GET', path, undefined, options);
    if (body.data.length >= count) return body.data;
    if (performance.now() > until) throw new Error(`${body.data.length} of ${count} messages were captured`);
    await Promise.race([events, guard(until - performance.now())]);
  }
}

function guard(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, Math.max(0, ms)).unref();
  });
}
