/** Notices to people: nobody carries them yet. */
import type { Space } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

export function notify(
  _state: WriterState,
  _space: Space,
  _notice: { kind: string; subject: string; lines: readonly string[]; occasion?: string },
): void {}
