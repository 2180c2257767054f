/** One account of every kind, from a seed. */
import { Traffic } from './account.ts';
import { BAD } from './bad.ts';
import { Chance } from './chance.ts';
import { LEGIT } from './legit.ts';
import { NOTICES } from './notices.ts';

/** Each account's lines in order of time; with `only`, the kinds of those names. */
export function makeTraffic(seed: number, only: readonly string[] | null = null): Traffic[] {
  return Object.entries({ ...LEGIT, ...BAD, ...NOTICES }).flatMap(([kind, make], i) => {
    if (only !== null && !only.includes(kind)) return [];
    const traffic = new Traffic(`${kind}-${seed}`, new Chance(seed * 1000 + i));
    make(traffic);
    traffic.lines.sort((a, b) => a.at - b.at);
    return [traffic];
  });
}
