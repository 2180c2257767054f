/**
 * Those of a large pool that are worth a look for one recipient. A look at a way reads counters, and a pool may have a thousand: of
 * the best ones by what needs no counter (priority, then health) a few of each provider are taken, others at the next turn.
 *
 * What holds: a pool of up to `MOST_LOOKED_AT` ways is looked at whole; the mailbox of the conversation is among them; whoever finds
 * no room in a shortlist looks at all. So nothing is refused, and no place given away, for what was not looked at.
 */
import { isBeforeByRank, rankOfWay } from './route.ts';
import type { Spread } from './spread.ts';
import { outOf, type Way } from './ways.ts';

const MOST_LOOKED_AT = 32;
/** Of each provider at least, however many there are. */
const LEAST_OF_EACH = 4;

export function shortlist(
  ways: readonly Way[],
  spread: Spread,
  pinned: number | null,
  isOpen: (way: Way) => boolean = () => true,
): readonly Way[] {
  if (ways.length <= MOST_LOOKED_AT) return ways;
  const best = bestOf(ways, isOpen);
  const share = Math.max(LEAST_OF_EACH, Math.floor(MOST_LOOKED_AT / Math.max(1, best.size)));
  const list: Way[] = [];
  for (const own of best.values()) {
    const from = spread.turn % own.length;
    for (let i = 0; i < Math.min(share, own.length); i += 1) list.push(own[(from + i) % own.length]!);
  }
  const known = pinned === null ? undefined : ways.find(({ mailbox }) => mailbox?.no === pinned);
  if (known !== undefined && isOpen(known) && !list.includes(known)) list.push(known);
  return list;
}

/** By provider; of the ways that can be used those of the best rank. */
function bestOf(ways: readonly Way[], isOpen: (way: Way) => boolean): Map<number, Way[]> {
  let rank: ReturnType<typeof rankOfWay> | null = null;
  let best = new Map<number, Way[]>();
  for (const way of ways) {
    if (outOf(way) !== null || !isOpen(way)) continue;
    const own = rankOfWay(way);
    if (rank !== null && isBeforeByRank(rank, own)) continue;
    if (rank === null || isBeforeByRank(own, rank)) {
      rank = own;
      best = new Map();
    }
    const { no } = way.provider;
    const siblings = best.get(no);
    if (siblings === undefined) best.set(no, [way]);
    else siblings.push(way);
  }
  return best;
}
