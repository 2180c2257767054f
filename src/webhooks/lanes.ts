/** Room for what may go on at once: whoever finds none waits in line, first come first served. */
export class Lane {
  #free: number;
  readonly #room: number;
  readonly #line: { weight: number; go: () => void }[] = [];

  constructor(room: number) {
    this.#room = room;
    this.#free = room;
  }

  /** Resolves with what gives the room back. */
  async take(weight: number): Promise<() => void> {
    const wanted = Math.min(weight, this.#room);
    if (this.#line.length === 0 && wanted <= this.#free) return this.takeAnyway(wanted);
    await new Promise<void>((go) => this.#line.push({ weight: wanted, go }));
    return this.#giveBack(wanted);
  }

  /** The same at once, past the line and beyond the room: those in line wait until all of it is given back. */
  takeAnyway(weight: number): () => void {
    this.#free -= weight;
    return this.#giveBack(weight);
  }

  #giveBack(weight: number): () => void {
    return () => {
      this.#free += weight;
      this.#advance();
    };
  }

  get taken(): number {
    return this.#room - this.#free;
  }

  #advance(): void {
    for (let first = this.#line[0]; first !== undefined && first.weight <= this.#free; first = this.#line[0]) {
      this.#line.shift();
      this.#free -= first.weight;
      first.go();
    }
  }
}
