/**
 * Lines of a byte stream, each with its number, in memory of a chunk and one line. A line that is longer than the bound is
 * passed over to its end and comes out as null.
 */
const LINE_FEED = 0x0a;

export type NumberedLine = { number: number; bytes: Uint8Array | null };

/** Calls `take` for each line, a chunk's at a time; `take` answers false to stop. Answers whether it went to the end. */
export async function eachLine(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
  take: (line: NumberedLine) => boolean,
  afterChunk: (bytes: number) => void = () => undefined,
): Promise<boolean> {
  const open = new OpenLine(maxBytes);
  let number = 1;
  for await (const chunk of chunks) {
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, from);
      if (end === -1) break;
      const bytes = open.finish(chunk.subarray(from, end));
      if (!take({ number, bytes })) return false;
      number += 1;
      from = end + 1;
    }
    open.keep(chunk.subarray(from));
    afterChunk(chunk.length);
  }
  // The last line may have no end.
  return open.isEmpty || take({ number, bytes: open.finish(new Uint8Array()) });
}

class OpenLine {
  private parts: Uint8Array[] = [];
  private size = 0;
  private readonly maxBytes: number;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get isEmpty(): boolean {
    return this.size === 0;
  }

  keep(part: Uint8Array): void {
    this.size += part.length;
    if (this.size > this.maxBytes) this.parts = [];
    // The stream may use its buffer again.
    else if (part.length > 0) this.parts.push(part.slice());
  }

  /** The whole line, or null where it is too long. */
  finish(last: Uint8Array): Uint8Array | null {
    const isTooLong = this.size + last.length > this.maxBytes;
    const bytes = this.parts.length === 0 ? last : Buffer.concat([...this.parts, last]);
    this.parts = [];
    this.size = 0;
    return isTooLong ? null : bytes;
  }
}
