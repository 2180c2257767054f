/**
 * A lean SMTP load generator in a process of its own: connections are opened, logged in once and kept; each sends one mail after
 * another, MAIL, RCPT and DATA in one write (RFC 2920), the data in a second one. Run by the benches through `fork`.
 */
import { connect } from 'node:net';

export type SmtpLoadInput = {
  port: number;
  connections: number;
  seconds: number;
  /** One for each connection in turn; none: nobody logs in. */
  keys: string[];
  /** The number of the first mail: to whom a mail goes, and what it says, follows from its number. */
  from: number;
};

export type SmtpLoadResult = {
  count: number;
  /** Replies to the data that were no 250, by their first three digits and the enhanced code. */
  refused: Record<string, number>;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  cpuSeconds: number;
};

const WORDS =
  'quote invoice meeting garden window yellow quiet river stone paper market letter number signal morning'.split(' ');
/** Texts prepared once: making them is the generator's own cost. */
const TEXTS = 1000;
const PEOPLE = 100_000;
/** Spreads people over the turns, so that neighbours in time are none in number. */
const STRIDE = 7919;
const DOMAINS = 300;

function textOf(octets: number, seed: number): string {
  const lines: string[] = [];
  for (let made = 0, i = seed; made < octets; i += 7) {
    const line = Array.from({ length: 10 }, (_, at) => WORDS[(i + at * 3) % WORDS.length]).join(' ');
    lines.push(line);
    made += line.length + 2;
  }
  return lines.join('\r\n');
}

const texts = Array.from({ length: TEXTS }, (_, seed) => {
  const part = (type: string, text: string): string =>
    `--b\r\nContent-Type: text/${type}; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n${text}\r\n`;
  return `${part('plain', `${seed} ${textOf(1000, seed)}`)}${part('html', `<p>${seed} ${textOf(820, seed + 3)}</p>`)}--b--\r\n`;
});

const addressOf = (number: number): string => {
  const person = (number * STRIDE) % PEOPLE;
  return `person${person}@mail${person % DOMAINS}.example`;
};

function mailOf(number: number, run: number): string {
  return (
    `X-Postern-Idempotency-Key: bench-${run}-${number}\r\nFrom: Alice <alice@bench.example>\r\nTo: ${addressOf(number)}\r\n` +
    `Subject: Your quote ${number}\r\nMessage-ID: <${run}.${number}@bench.example>\r\nDate: Mon, 02 Nov 2026 10:00:00 +0000\r\n` +
    `MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n${texts[number % TEXTS]}.\r\n`
  );
}

function run({ port, connections, seconds, keys, from }: SmtpLoadInput): Promise<SmtpLoadResult> {
  const runNo = Date.now();
  const latencies: number[] = [];
  const refused: Record<string, number> = {};
  let next = from;
  let open = connections;
  const started = performance.now();
  const until = started + seconds * 1000;
  const cpu = process.cpuUsage();
  return new Promise((resolve, reject) => {
    const result = (): SmtpLoadResult => {
      latencies.sort((a, b) => a - b);
      const used = process.cpuUsage(cpu);
      return {
        count: latencies.length,
        refused,
        perSecond: latencies.length / ((performance.now() - started) / 1000),
        p50Ms: latencies[Math.floor(latencies.length * 0.5)] ?? 0,
        p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? 0,
        cpuSeconds: (used.user + used.system) / 1e6,
      };
    };
    for (let i = 0; i < connections; i += 1) {
      const socket = connect(port, '127.0.0.1');
      socket.setNoDelay(true);
      socket.on('error', reject);
      const replies = repliesOf(socket);
      const client = async (): Promise<void> => {
        await replies();
        socket.write('EHLO bench.example\r\n');
        await replies();
        const key = keys[i % Math.max(1, keys.length)];
        if (key !== undefined) {
          socket.write(`AUTH PLAIN ${Buffer.from(`\0postern\0${key}`).toString('base64')}\r\n`);
          const said = await replies();
          if (!said.startsWith('235')) throw new Error(`no login: ${said}`);
        }
        while (performance.now() < until) {
          const number = next++;
          const sentAt = performance.now();
          socket.write(`MAIL FROM:<alice@bench.example>\r\nRCPT TO:<${addressOf(number)}>\r\nDATA\r\n`);
          const said = [await replies(), await replies(), await replies()];
          if (!said[2]!.startsWith('354')) throw new Error(`not taken: ${said.join(' | ')}`);
          socket.write(mailOf(number, runNo));
          const last = await replies();
          if (last.startsWith('250')) latencies.push(performance.now() - sentAt);
          else refused[last.slice(0, 9)] = (refused[last.slice(0, 9)] ?? 0) + 1;
        }
        socket.end('QUIT\r\n');
        open -= 1;
        if (open === 0) resolve(result());
      };
      client().catch(reject);
    }
  });
}

/** One reply after another, the lines of a long one as one. */
function repliesOf(socket: NodeJS.ReadableStream): () => Promise<string> {
  let pending = '';
  let wake: (() => void) | null = null;
  socket.on('data', (chunk: Buffer) => {
    pending += chunk.toString('latin1');
    wake?.();
  });
  return async () => {
    for (;;) {
      const end = /^(?:\d{3}-.*\r\n)*\d{3} .*\r\n/.exec(pending)?.[0].length;
      if (end !== undefined) {
        const said = pending.slice(0, end);
        pending = pending.slice(end);
        return said;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
}

process.on('message', (input: SmtpLoadInput) => {
  run(input).then(
    (result) => process.send!(result),
    (fault: Error) => {
      console.error(fault.message);
      process.exit(1);
    },
  );
});
