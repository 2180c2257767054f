/** Waiting for what deliveries bring about: no sleeping, looked at again after every event that was committed. */
import type { Mode } from '../../src/core/message.ts';
import type { TestGateway } from './gateway.ts';

const HANG_MS = 20_000;

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
export type Captured = any;

/** What `look` finds as soon as it finds something. */
async function eventually<T>(gateway: TestGateway, what: string, look: () => Promise<T | null>): Promise<T> {
  const until = performance.now() + HANG_MS;
  for (;;) {
    let wake = (): void => undefined;
    const events = new Promise<void>((resolve) => {
      wake = resolve;
    });
    gateway.gateway.store.onEvents(wake);
    const found = await look();
    if (found !== null) return found;
    const left = until - performance.now();
    if (left <= 0) throw new Error(`waited in vain for ${what}`);
    await Promise.race([events, guard(left)]);
  }
}

function guard(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}

/** The captured mail of a recipient (or of all) once there are `count` of them. */
export function captured(
  gateway: TestGateway,
  count: number,
  options: { recipient?: string; key?: string } = {},
): Promise<Captured[]> {
  const narrowed = options.recipient === undefined ? '' : `&recipient=${encodeURIComponent(options.recipient)}`;
  return eventually(gateway, `${count} captured messages`, async () => {
    const { body } = await gateway.fetchJson('GET', `/v1/sink?limit=200${narrowed}`, undefined, options);
    return body.data.length >= count ? body.data : null;
  });
}

/** Once every recipient of a message was delivered. */
export async function delivered(gateway: TestGateway, id: string, mode: Mode = 'test'): Promise<void> {
  const { store } = gateway.gateway;
  const tenant = await store.tenantById({ id: gateway.tenantId });
  await eventually(gateway, `${id} being delivered`, async () => {
    const message = await store.message({ tenantNo: tenant!.no, mode, id });
    return message?.recipients.every(({ state }) => state === 'delivered') === true ? true : null;
  });
}
