/** Waiting for what is stored, told by the store itself. */
import type { EventType } from '../../src/core/events.ts';
import type { MessageName } from '../../src/data/port/messages.ts';
import type { Store, StoredMessage } from '../../src/data/store.ts';

/** The message once it has an event of this type. */
export async function messageAfter(store: Store, name: MessageName, type: EventType): Promise<StoredMessage> {
  let tell = (): void => {};
  store.onEvents(() => tell());
  for (;;) {
    const changed = new Promise<void>((resolve) => {
      tell = resolve;
    });
    const timeline = await store.messageTimeline(name);
    if (timeline?.events.some((event) => event.type === type)) return timeline.message;
    await changed;
  }
}
