/**
 * Counting in memory alone: what a check assumes while it decides one recipient after another. All of it is taken back before
 * anything else is decided; the journal never hears of it.
 */
import { applyChange, type Change } from '../../policy/ledger.ts';
import type { Spread } from '../../policy/spread.ts';
import type { Entry } from './ledger-entry.ts';

export class Assumed {
  private readonly undo: (() => void)[] = [];

  count(change: Change, nowSecond: number): void {
    const { state } = change;
    if (change.kind === 'tat') {
      const before = state.tats?.get(change.name);
      this.undo.push(() => {
        if (before === undefined) state.tats?.delete(change.name);
        else state.tats?.set(change.name, before);
      });
    } else {
      const { firstAt } = state;
      this.undo.push(() => {
        applyChange({ ...change, units: -change.units }, nowSecond);
        // An earlier departure that was only assumed never was the first.
        state.firstAt = firstAt;
      });
    }
    applyChange(change, nowSecond);
  }

  gauge(entry: Entry, name: string, delta: number): void {
    const gauges = entry.gauges ?? new Map<string, number>();
    entry.gauges = gauges;
    const before = gauges.get(name) ?? 0;
    this.undo.push(() => gauges.set(name, before));
    gauges.set(name, before + delta);
  }

  /** A spread over providers, which is put back as it stands now. */
  spread(spread: Spread | null): void {
    if (spread === null) return;
    const { clock, turn } = spread;
    const paidUntil = new Map(spread.paidUntil);
    this.undo.push(() => {
      spread.clock = clock;
      spread.turn = turn;
      spread.paidUntil = paidUntil;
    });
  }

  takeBack(): void {
    for (const step of this.undo.reverse()) step();
    this.undo.length = 0;
  }
}
