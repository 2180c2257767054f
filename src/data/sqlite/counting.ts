/** Counting for real (the ledger) or on trial: so that a check of several recipients sees the first when it asks for the second. */
import { type Change, seriesFor } from '../../policy/ledger.ts';
import { addUnits } from '../../policy/series.ts';
import type { Entry } from './ledger-cache.ts';

export type Counting = {
  apply(change: Change, nowSecond: number): void;
  addGauge(entry: Entry, name: string, delta: number): void;
};

/** Changes entries in memory alone and takes every change back. Both within one call: nothing else may see it. */
export class Trial implements Counting {
  private readonly undoing: (() => void)[] = [];

  apply(change: Change): void {
    const { state } = change;
    if (change.kind === 'tat') {
      const { name } = change;
      const before = state.tats?.get(name);
      state.tats ??= new Map();
      state.tats.set(name, change.tat);
      this.undoing.push(() => {
        if (before === undefined) state.tats?.delete(name);
        else state.tats?.set(name, before);
      });
      return;
    }
    const { unit, second, units } = change;
    const had = state[unit] !== null;
    addUnits(seriesFor(state, unit), second, units);
    this.undoing.push(() => {
      if (had) addUnits(seriesFor(state, unit), second, -units);
      else state[unit] = null;
    });
  }

  addGauge(entry: Entry, name: string, delta: number): void {
    const before = entry.gauges?.get(name);
    entry.gauges ??= new Map();
    entry.gauges.set(name, (before ?? 0) + delta);
    this.undoing.push(() => {
      if (before === undefined) entry.gauges?.delete(name);
      else entry.gauges?.set(name, before);
    });
  }

  undo(): void {
    for (const undo of this.undoing.reverse()) undo();
  }
}
