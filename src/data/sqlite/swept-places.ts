/** Places that sweeps have reached: numbers kept with the settings, so that a slice goes on where the last one stopped. */
import { prepared } from './database.ts';
import type { WriterState } from './writer-state.ts';

export function reached(state: WriterState, name: string): number {
  const row = prepared(state.db, 'SELECT value FROM setting WHERE name = ?').get(`swept:${name}`);
  return Number(row?.['value'] ?? 0);
}

export function reach(state: WriterState, name: string, place: number): void {
  prepared(state.db, 'INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)').run(`swept:${name}`, String(place));
}
