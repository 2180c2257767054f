/**
 * How much of each turn of the event loop deliveries may take: so many begin in one, the others wait for the next, first come first
 * served. However much there is to deliver, those who send wait behind a few deliveries and not behind all of it.
 */
const PER_TURN = 8;

export class Pace {
  #left = PER_TURN;
  #isTurning = false;
  readonly #line: (() => void)[] = [];

  /** Resolves in a turn that has room for one more. */
  async turn(): Promise<void> {
    if (!this.#isTurning) {
      this.#isTurning = true;
      setImmediate(() => this.#next());
    }
    if (this.#left > 0) this.#left -= 1;
    else await new Promise<void>((go) => this.#line.push(go));
  }

  #next(): void {
    const going = this.#line.splice(0, PER_TURN);
    this.#left = PER_TURN - going.length;
    this.#isTurning = going.length > 0;
    if (this.#isTurning) setImmediate(() => this.#next());
    for (const go of going) go();
  }
}
