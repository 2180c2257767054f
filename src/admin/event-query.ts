/** What queries about events share: from which number on, and of which types. */
import Type from 'typebox';
import { EVENT_TYPES, type EventType, isEventType } from '../core/events.ts';
import type { Issue } from '../core/explain.ts';

export const SEQ = Type.String({
  pattern: '^(0|[1-9][0-9]{0,14})$',
  description: 'Answer with what came after this number.',
  examples: ['918'],
});

export const TYPES = Type.String({
  maxLength: 2000,
  description: 'Types, separated by commas; absent: all. A type may end in `*`.',
  examples: ['message.delivered,message.bounced'],
});

/** The types that a query names, null for all of them; or the issue with it. */
export function readTypes(text: string | undefined): { types: EventType[] | null } | Issue {
  if (text === undefined || text === '') return { types: null };
  const types = new Set<EventType>();
  for (const word of text.split(',')) {
    const name = word.trim();
    const found = name.endsWith('*') ? EVENT_TYPES.filter((type) => type.startsWith(name.slice(0, -1))) : [name];
    if (found.length === 0 || !found.every(isEventType)) {
      return { code: 'invalid_parameter', param: 'types', message: `"${name.slice(0, 100)}" is no type of event.` };
    }
    for (const type of found) types.add(type as EventType);
  }
  return { types: [...types] };
}
