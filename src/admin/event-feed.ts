/**
 * Pages of events for those who follow the log as it grows: what one ring wakes together reads once, and is written as text once a
 * language, however many follow.
 */
import type { EventType } from '../core/events.ts';
import type { ExplainOptions } from '../core/explain.ts';
import type { EventsPage } from '../data/port/events.ts';
import type { Space, Store } from '../data/store.ts';
import { eventBody } from '../http/event-body.ts';

export const EVENTS_AT_ONCE = 100;

export type WrittenEvent = { seq: number; type: EventType; text: string };

export class EventFeed {
  private readonly store: Pick<Store, 'events'>;
  private readonly reads = new Map<string, Promise<EventsPage>>();
  private readonly written = new WeakMap<EventsPage, Map<string, WrittenEvent[]>>();

  constructor(store: Pick<Store, 'events'>) {
    this.store = store;
  }

  /** Events of all types after a number. */
  after(space: Space, seq: number): Promise<EventsPage> {
    const name = `${space.tenantNo} ${space.mode} ${seq}`;
    let reading = this.reads.get(name);
    if (reading === undefined) {
      reading = this.store.events({ ...space, afterSeq: seq, types: null, limit: EVENTS_AT_ONCE });
      this.reads.set(name, reading);
      // Only those of the same moment share it: whoever is woken later may be woken by what this read cannot see.
      process.nextTick(() => this.reads.delete(name));
    }
    return reading;
  }

  write(page: EventsPage, texts: ExplainOptions): WrittenEvent[] {
    let languages = this.written.get(page);
    if (languages === undefined) {
      languages = new Map();
      this.written.set(page, languages);
    }
    let events = languages.get(texts.locale ?? '');
    if (events === undefined) {
      events = page.events.map((event) => ({
        seq: event.seq,
        type: event.type,
        text: `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(eventBody(event, texts))}\n\n`,
      }));
      languages.set(texts.locale ?? '', events);
    }
    return events;
  }
}
