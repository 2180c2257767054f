/**
 * A file of suppressions as it arrives: CSV (RFC 4180) read line by line, whatever its size, and stored a hundred lines at a time.
 *
 * A bad line harms no other: it is reported with its number. What was stored before a file broke off stays, since a suppression
 * that is there twice is one, and the file can be given again.
 */
import { pipeline, Readable } from 'node:stream';
import { parse } from 'csv-parse';
import type { ImportCounts, ImportedSuppression } from '../data/port/suppression-import.ts';
import type { SuppressionReason } from '../policy/suppression.ts';
import { type Form, type FormName, formOf, namesReason, readLine } from './suppression-forms.ts';

export const MOST_FILE_BYTES = 25 * 1024 * 1024;
const MOST_ERRORS = 1000;
const AT_ONCE = 100;
const MOST_HEADER_BYTES = 64 * 1024;

export type LineError = { line: number; column: string | null; message: string };

export type FileReport = ImportCounts & {
  form: FormName;
  /** Lines with something in them, the header left out. */
  lines: number;
  skipped: number;
  invalid: number;
  /** The first thousand. */
  errors: LineError[];
};

export type FileEnd =
  | { outcome: 'read'; report: FileReport }
  | { outcome: 'unknown_form'; header: string[] }
  | { outcome: 'empty' }
  | { outcome: 'reason_needed'; form: FormName }
  | { outcome: 'too_large'; report: FileReport | null };

export type FileInput = {
  body: AsyncIterable<Uint8Array>;
  /** Of lines that name none. */
  reason: SuppressionReason | null;
  /** Milliseconds on the clock of the tenant and mode. */
  now: number;
  /** Stores a part of the file. */
  put: (suppressions: ImportedSuppression[], form: FormName) => Promise<ImportCounts>;
};

class TooLarge extends Error {}

type Line = { record: string[]; info: { lines: number } };

export async function readSuppressionFile(input: FileInput): Promise<FileEnd> {
  const reading = new Reading(input);
  try {
    return await reading.run();
  } catch (fault) {
    if (!(fault instanceof TooLarge)) throw fault;
    await reading.flush();
    return { outcome: 'too_large', report: reading.report };
  }
}

class Reading {
  report: FileReport | null = null;
  private readonly input: FileInput;
  private form: Form | null = null;
  private waiting: ImportedSuppression[] = [];

  constructor(input: FileInput) {
    this.input = input;
  }

  async run(): Promise<FileEnd> {
    const { head, rest } = await splitHead(this.input.body);
    const parser = parse({
      bom: true,
      delimiter: delimiterOf(head),
      info: true,
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
      // Else an open quote at the end would take with it what was read before and not handed out yet.
      skip_records_with_error: true,
    });
    pipeline(Readable.from(bounded(head, rest)), parser, () => undefined);
    let isOpen = false;
    parser.on('skip', () => {
      isOpen = true;
    });
    let lines = 0;
    // A CRLF inside of quotes is counted as two lines there.
    let twice = 0;
    for await (const { record, info } of parser as AsyncIterable<Line>) {
      twice += countOf('\r\n', record);
      lines = info.lines - twice;
      const end = await this.take(record, lines - countOf('\n', record));
      if (end !== null) return end;
    }
    const message = 'A quote is opened here and never closed.';
    if (isOpen) this.wrong({ line: lines + 1, column: null, message });
    if (this.report === null) return { outcome: 'empty' };
    await this.flush();
    return { outcome: 'read', report: this.report };
  }

  /** What ends the reading, or null. */
  private async take(cells: string[], line: number): Promise<FileEnd | null> {
    if (this.report === null || this.form === null) {
      const end = this.begin(cells);
      if (end !== null || this.form?.name !== 'list') return end;
    }
    const report = this.report!;
    report.lines += 1;
    const read = readLine(this.form!, cells, this.input.reason, this.input.now);
    if ('suppression' in read) this.waiting.push(read.suppression);
    else if ('skipped' in read) report.skipped += 1;
    else this.wrong({ line, ...read.problem });
    if (this.waiting.length >= AT_ONCE) await this.flush();
    return null;
  }

  private begin(cells: string[]): FileEnd | null {
    const form = formOf(cells);
    if (form === null) return { outcome: 'unknown_form', header: cells };
    if (!namesReason(form) && this.input.reason === null) return { outcome: 'reason_needed', form: form.name };
    this.form = form;
    const counts = { created: 0, extended: 0, unchanged: 0 };
    this.report = { form: form.name, lines: 0, ...counts, skipped: 0, invalid: 0, errors: [] };
    return null;
  }

  private wrong(error: LineError): void {
    if (this.report === null) return;
    this.report.invalid += 1;
    if (this.report.errors.length < MOST_ERRORS) this.report.errors.push(error);
  }

  async flush(): Promise<void> {
    if (this.waiting.length === 0 || this.report === null) return;
    const counts = await this.input.put(this.waiting, this.report.form);
    this.waiting = [];
    this.report.created += counts.created;
    this.report.extended += counts.extended;
    this.report.unchanged += counts.unchanged;
  }
}

/** Line ends inside of quotes, since a line's number is that of its beginning. */
function countOf(lineEnd: string, cells: readonly string[]): number {
  return cells.reduce((sum, cell) => sum + cell.split(lineEnd).length - 1, 0);
}

/** What holds the first line, and the rest of the body behind it. */
async function splitHead(body: AsyncIterable<Uint8Array>): Promise<{ head: Buffer; rest: AsyncIterator<Uint8Array> }> {
  const rest = body[Symbol.asyncIterator]();
  const parts: Uint8Array[] = [];
  for (let bytes = 0; bytes < MOST_HEADER_BYTES; ) {
    const { value, done } = await rest.next();
    if (done === true) break;
    parts.push(value);
    bytes += value.length;
    if (value.includes(0x0a)) break;
  }
  return { head: Buffer.concat(parts), rest };
}

const DELIMITERS = [',', ';', '\t'] as const;

/** The one that stands most often in the first line. */
function delimiterOf(head: Buffer): string {
  const line = head.toString('utf8').split(/[\r\n]/, 1)[0]!;
  const counts = DELIMITERS.map((delimiter) => line.split(delimiter).length);
  return DELIMITERS[counts.indexOf(Math.max(...counts))]!;
}

async function* bounded(head: Buffer, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = head.length;
  yield head;
  for (;;) {
    const { value, done } = await rest.next();
    if (done === true) return;
    bytes += value.length;
    if (bytes > MOST_FILE_BYTES) throw new TooLarge();
    yield value;
  }
}
