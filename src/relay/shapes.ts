/**
 * How many deliveries may be under way at once, and how fast they may start, towards each destination, mailbox and provider.
 *
 * A name without a shape is bounded by its `most` alone. A deferral that asks for less (never a greylisting, which is about one
 * recipient) gives it a shape, or shrinks the one it has: half as many at once, and twice the gap between two starts. What is
 * taken lets it grow back, at once a little more and faster, until it bounds nothing and is forgotten.
 *
 * What has to wait gets a place in the shape's line: a time at which it may come again, one after another at the pace the
 * shape has now. So each waits once and not in circles, and whoever comes later stands behind it. Beyond the horizon no place is
 * given, only a time to look again, spread out, since the pace will be another by then.
 *
 * Pure: time is an argument (milliseconds of any clock that only goes forward), chance is not used. Deliberately absent: caps
 * by the minute or day (the store counts those) and what a reply means.
 */

/** What a shape is for, in the word that people read as a cause of waiting. */
export type ShapeKind = 'destination' | 'mailbox' | 'provider';

/** `key` is one of its kind; `most` how many may be under way at once at best. */
export type ShapeName = { kind: ShapeKind; key: string; most: number };

/** `go`: counted as under way until `leave`. Else when to come again, and which shape says so. */
export type Entry = 'go' | { at: number; kind: ShapeKind };

/** `slowed`: the other side asked for less, under this kind of name. `neither`: its answer says nothing of the pace. */
export type ShapeEnd = 'taken' | 'neither' | { slowed: ShapeKind };

type Shape = {
  kind: ShapeKind;
  most: number;
  /** How many at once; fractions gather until they make one more. */
  window: number;
  gapMs: number;
  /** When the next may start. */
  freeAt: number;
  /** The last place in the line. */
  lineAt: number;
  /** Whoever holds a place, by number. */
  places: Map<number, number>;
  /** Whoever had its time and found no room: a few wait in front, the others go to the end of the line. */
  front: Set<number>;
  shrunkAt: number;
};

const FIRST_GAP_MS = 100;
const LARGEST_GAP_MS = 300_000;
/** A gap below this bounds nothing. */
const SMALLEST_GAP_MS = 4;
/** What one success leaves of the gap: it halves with thirty-five. */
const GAP_LEFT = 0.98;
/** What fails together is one sign, not many. */
const SHRINK_ONCE_IN_MS = 1000;
const HORIZON_MS = 600_000;
/** So many at once bound nothing in practice. */
const PLENTY = 50;
/** A shape that nothing came to for so long is that of another time. */
const STALE_MS = 1_800_000;
const MANY_SHAPES = 2000;
const MOST_PLACES = 10_000;
/** So many may wait in front, or as many as may be under way. */
const FEW = 4;
/** Whoever has not come so long after its time will not come. */
const LATE_MS = 120_000;
const FIRST_MEAN_MS = 1000;
/** Nobody comes again sooner. */
const SHORTEST_WAIT_MS = 20;

export class Shapes {
  readonly #shapes = new Map<string, Shape>();
  readonly #underWay = new Map<string, number>();
  /** How long a delivery takes, by name, remembered while there is a shape. */
  readonly #means = new Map<string, number>();

  /** Asks for leave to start under all names at once. `id` is the recipient's number. */
  enter(names: readonly ShapeName[], id: number, now: number): Entry {
    let wait: Exclude<Entry, 'go'> | null = null;
    for (const name of names) {
      const at = this.#refusal(name, id, now);
      if (at !== null && (wait === null || at > wait.at)) wait = { at, kind: name.kind };
    }
    if (wait !== null) return wait;
    for (const name of names) this.#start(keyOf(name), id, now);
    return 'go';
  }

  /** `tookMs`: how long the delivery was under way. */
  leave(names: readonly ShapeName[], end: ShapeEnd, tookMs: number, now: number): void {
    for (const name of names) {
      const key = keyOf(name);
      const left = (this.#underWay.get(key) ?? 1) - 1;
      if (left > 0) this.#underWay.set(key, left);
      else this.#underWay.delete(key);
      const shape = this.#shapes.get(key);
      if (shape !== undefined) this.#learn(key, tookMs);
      if (end === 'taken' && shape !== undefined) this.#grow(key, shape, now);
    }
    if (typeof end === 'string') return;
    const name = names.find(({ kind }) => kind === end.slowed);
    if (name !== undefined) this.#shrink(name, now);
  }

  /** Shapes that bound something now, and who waits in their lines. */
  figures(): { kind: ShapeKind; shapes: number; waiting: number }[] {
    return (['destination', 'mailbox', 'provider'] as const).map((kind) => {
      const of = [...this.#shapes.values()].filter((shape) => shape.kind === kind);
      return { kind, shapes: of.length, waiting: of.reduce((sum, { places }) => sum + places.size, 0) };
    });
  }

  /** Null: it may start. Else the time of its place. */
  #refusal(name: ShapeName, id: number, now: number): number | null {
    const key = keyOf(name);
    const underWay = this.#underWay.get(key) ?? 0;
    let shape = this.#shapes.get(key);
    if (shape !== undefined && underWay === 0 && isStale(shape, now)) {
      this.#forget(key);
      shape = undefined;
    }
    if (shape === undefined) {
      if (underWay < name.most) return null;
      shape = this.#newShape(key, name, name.most, 0, now);
    }
    const own = shape.places.get(id);
    const isItsTurn = own === undefined ? shape.places.size === 0 || shape.lineAt <= now : own <= now;
    const isFree = now >= shape.freeAt && underWay < Math.floor(shape.window);
    return isItsTurn && isFree ? null : this.#place(key, shape, id, own, now);
  }

  #place(key: string, shape: Shape, id: number, own: number | undefined, now: number): number {
    if (own !== undefined && own > now) return own;
    const stepMs = Math.max(shape.gapMs, (this.#means.get(key) ?? FIRST_MEAN_MS) / shape.window);
    if (own !== undefined && (shape.front.has(id) || shape.front.size < Math.max(FEW, shape.window))) {
      const at = Math.max(shape.freeAt, now + Math.max(stepMs, SHORTEST_WAIT_MS));
      shape.front.add(id);
      shape.places.set(id, at);
      return at;
    }
    shape.places.delete(id);
    forgetLate(shape, now);
    const at = Math.max(shape.lineAt, shape.freeAt, now) + Math.max(stepMs, 1);
    if (at - now > HORIZON_MS || shape.places.size >= MOST_PLACES) {
      return now + Math.min(at - now, HORIZON_MS) * (0.5 + spread(id) / 2);
    }
    shape.lineAt = at;
    shape.places.set(id, at);
    return Math.max(at, now + SHORTEST_WAIT_MS);
  }

  #start(key: string, id: number, now: number): void {
    this.#underWay.set(key, (this.#underWay.get(key) ?? 0) + 1);
    const shape = this.#shapes.get(key);
    if (shape === undefined) return;
    shape.places.delete(id);
    shape.front.delete(id);
    shape.freeAt = now + shape.gapMs;
  }

  #shrink(name: ShapeName, now: number): void {
    const key = keyOf(name);
    const shape = this.#shapes.get(key);
    const underWay = (this.#underWay.get(key) ?? 0) + 1;
    if (shape === undefined) {
      this.#newShape(key, name, Math.max(1, Math.floor(underWay / 2)), FIRST_GAP_MS, now);
      return;
    }
    if (now - shape.shrunkAt < Math.max(SHRINK_ONCE_IN_MS, shape.gapMs)) return;
    shape.window = Math.max(1, Math.min(shape.window, underWay) / 2);
    shape.gapMs = Math.min(Math.max(shape.gapMs * 2, FIRST_GAP_MS), LARGEST_GAP_MS);
    shape.freeAt = Math.max(shape.freeAt, now + shape.gapMs);
    shape.shrunkAt = now;
  }

  #grow(key: string, shape: Shape, now: number): void {
    shape.window = Math.min(shape.most, shape.window + 1 / shape.window);
    shape.gapMs *= GAP_LEFT;
    if (shape.gapMs < SMALLEST_GAP_MS) shape.gapMs = 0;
    forgetLate(shape, now);
    if (shape.gapMs === 0 && shape.window >= Math.min(shape.most, PLENTY) && shape.places.size === 0) this.#forget(key);
  }

  #forget(key: string): void {
    this.#shapes.delete(key);
    this.#means.delete(key);
  }

  #newShape(key: string, { kind, most }: ShapeName, window: number, gapMs: number, now: number): Shape {
    if (this.#shapes.size >= MANY_SHAPES) {
      for (const [other, idle] of this.#shapes) if (isStale(idle, now)) this.#forget(other);
    }
    const freeAt = now + gapMs;
    const shape: Shape = {
      kind,
      most,
      window,
      gapMs,
      freeAt,
      lineAt: freeAt,
      places: new Map(),
      front: new Set(),
      shrunkAt: now,
    };
    this.#shapes.set(key, shape);
    return shape;
  }

  #learn(key: string, tookMs: number): void {
    const mean = this.#means.get(key);
    this.#means.set(key, mean === undefined ? tookMs : mean + (tookMs - mean) / 8);
  }
}

function isStale({ freeAt, lineAt }: Shape, now: number): boolean {
  return now - Math.max(freeAt, lineAt) > STALE_MS;
}

const keyOf = ({ kind, key }: ShapeName): string => `${kind} ${key}`;

function forgetLate({ places, front }: Shape, now: number): void {
  for (const [id, at] of places) {
    if (at > now - LATE_MS) return;
    places.delete(id);
    front.delete(id);
  }
}

/** From 0 to 1, the same for the same number, far apart for neighbours (multiplicative hashing by the golden ratio). */
function spread(id: number): number {
  return ((Math.imul(id % 4_294_967_296, 2_654_435_769) >>> 0) % 65_536) / 65_536;
}
