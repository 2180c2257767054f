/**
 * A lean HTTP load generator over bare sockets, in a process of its own: one request in flight a connection, answers counted by
 * status, latencies kept in a histogram. Run by the benches through `fork`.
 */
import { connect } from 'node:net';
import { DOMAIN_MARK, PERSON_MARK } from './marks.ts';

export type LoadInput = {
  port: number;
  connections: number;
  seconds: number;
  /** Whole requests, sent in turn. */
  requests: string[];
  /** Where `%%%%%%%%%%%%` stands in a request a running number is put, so that keys differ. */
  numbered: boolean;
  /** Requests are of so many tenants in turn, and each writes to so many people, from a turn on; absent: people stand in the requests. */
  turns?: { tenants: number; people: number; from: number };
};

export type LoadResult = {
  count: number;
  seconds: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  statuses: Record<string, number>;
  cpuSeconds: number;
};

const MARK = '%%%%%%%%%%%%';
const DOMAINS = 300;
/** Spreads people over the turns, so that neighbours in time are none in number. */
const STRIDE = 7919;

const EMPTY = Buffer.alloc(0);
const LENGTH = Buffer.from('ontent-length: ', 'latin1');
const DIGIT_0 = 48;
const READ_BYTES = 16 * 1024;

/** Octets of an answer with its head, as soon as the whole head is there; before, 0. */
function lengthOf(answer: Buffer): number {
  const body = answer.indexOf('\r\n\r\n', 0, 'latin1') + 4;
  if (body < 4) return 0;
  const at = answer.indexOf(LENGTH) + LENGTH.length;
  if (at < LENGTH.length || at > body) return body;
  let length = 0;
  for (let i = at; answer[i]! >= DIGIT_0; i += 1) length = length * 10 + answer[i]! - DIGIT_0;
  return body + length;
}

function run(input: LoadInput): Promise<LoadResult> {
  const requests = input.requests.map((text) => Buffer.from(text));
  const marks = input.requests.map((text) => Buffer.from(text).indexOf(MARK));
  const latencies: number[] = [];
  const statuses: Record<string, number> = {};
  const persons = input.requests.map((text) => Buffer.from(text).indexOf(PERSON_MARK));
  const domains = input.requests.map((text) => Buffer.from(text).indexOf(DOMAIN_MARK));
  let next = 0;
  let count = 0;
  const base = Date.now() % 1_000_000_000;
  const started = performance.now();
  const until = started + input.seconds * 1000;
  const cpu = process.cpuUsage();
  return new Promise((resolve, reject) => {
    let open = input.connections;
    for (let i = 0; i < input.connections; i += 1) {
      let sentAt = 0;
      /** Octets of the answer under way, all of it once its length is known, and its beginning until then. */
      let got = 0;
      let whole = 0;
      let head: Buffer = EMPTY;
      const send = (): void => {
        const index = next % requests.length;
        next += 1;
        const request = requests[index]!;
        const at = marks[index]!;
        if (input.turns !== undefined) {
          const person = (Math.floor((input.turns.from + next) / input.turns.tenants) * STRIDE) % input.turns.people;
          request.write(String(person).padStart(PERSON_MARK.length, '0'), persons[index]!, 'latin1');
          request.write(String(person % DOMAINS).padStart(DOMAIN_MARK.length, '0'), domains[index]!, 'latin1');
        }
        if (at >= 0)
          request.write(
            String(base * 1000 + next)
              .padStart(MARK.length, '0')
              .slice(-MARK.length),
            at,
            'latin1',
          );
        sentAt = performance.now();
        socket.write(at >= 0 || input.turns !== undefined ? Buffer.from(request) : request);
      };
      const take = (chunk: Buffer): void => {
        got += chunk.length;
        if (whole === 0) {
          head = Buffer.concat([head, chunk]);
          whole = lengthOf(head);
        }
        if (whole === 0 || got < whole) return;
        const status = head.toString('latin1', 9, 12);
        statuses[status] = (statuses[status] ?? 0) + 1;
        got = 0;
        whole = 0;
        head = EMPTY;
        count += 1;
        const now = performance.now();
        latencies.push(now - sentAt);
        if (now < until) {
          send();
          return;
        }
        socket.destroy();
        open -= 1;
        if (open > 0) return;
        latencies.sort((a, b) => a - b);
        const seconds = (now - started) / 1000;
        const used = process.cpuUsage(cpu);
        resolve({
          count,
          seconds,
          perSecond: count / seconds,
          p50Ms: latencies[Math.floor(latencies.length * 0.5)]!,
          p99Ms: latencies[Math.floor(latencies.length * 0.99)]!,
          statuses,
          cpuSeconds: (used.user + used.system) / 1e6,
        });
      };
      // One buffer for all that a connection reads: by itself each read gets a new one of 64 kB.
      const onread = {
        buffer: Buffer.alloc(READ_BYTES),
        callback(octets: number, buffer: Uint8Array): boolean {
          take(Buffer.from(buffer.buffer, buffer.byteOffset, octets));
          return true;
        },
      };
      const socket = connect({ port: input.port, host: '127.0.0.1', noDelay: true, onread });
      socket.on('connect', send);
      socket.on('error', reject);
    }
  });
}

process.on('message', (input: LoadInput) => {
  run(input).then((result) => process.send!(result));
});
