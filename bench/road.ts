/**
 * The whole road, sustained: messages accepted over HTTP and delivered by SMTP with an RSA-2048 DKIM signature, against
 * Postfix accepting by SMTP and delivering without one, to the same sink, over as many connections.
 *
 *   node bench/road.ts [--seconds 60] [--connections 20] [--window 500]
 *
 * Clients keep `window` messages between their acceptance and their delivery, so what is accepted is delivered as fast.
 * Clients and sink are one process; it shares the machine's cores with what is measured. Where Postfix is not installed, only
 * our own figures are printed.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { smtpTransport } from '../src/relay/transports/smtp.ts';
import { type Sink, startSink } from '../test/harness/smtp-sink.ts';
import { startPostfix } from './rig/postfix.ts';
import { memoryOf, processorSeconds, startGatewayProcess } from './rig/processes.ts';
import { bodyText, prepareTenants } from './rig/tenants.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    connections: { type: 'string', default: '20' },
    window: { type: 'string', default: '500' },
  },
});
const seconds = Number(values.seconds);
const connections = Number(values.connections);
const window = Number(values.window);
const WARM_UP_MS = 2000;

type Accept = (number: number) => Promise<void>;
type Road = { perSecond: number; p50Ms: number; p99Ms: number; delivered: number; twice: number };

const addressOf = (number: number): string => `p${number}@mail${number % 300}.example`;
const text = bodyText(1000, 1);
const html = `<p>${bodyText(820, 4)}</p>`;

/** What the sink has seen in the measurement under way. */
let arrived: (to: string) => void = () => {};

const sink: Sink = await startSink({ onMessage: ({ to }) => arrived(to[0]!) });

/** Sends for `seconds`, with so many messages under way; counts and times what arrives after the warm-up. */
async function measure(accept: Accept): Promise<Road> {
  const acceptedAt = new Map<string, number>();
  const seen = new Set<string>();
  const spans: number[] = [];
  let next = 0;
  let underWay = 0;
  let twice = 0;
  const waiting: (() => void)[] = [];
  const measureFrom = performance.now() + WARM_UP_MS;
  const until = measureFrom + seconds * 1000;
  arrived = (to) => {
    const now = performance.now();
    if (seen.has(to)) twice += 1;
    else underWay -= 1;
    seen.add(to);
    if (now >= measureFrom && now < until) spans.push(now - (acceptedAt.get(to) ?? now));
    for (const go of waiting.splice(0)) go();
  };
  const client = async (): Promise<void> => {
    while (performance.now() < until) {
      if (underWay >= window) {
        await new Promise<void>((resolve) => waiting.push(resolve));
        continue;
      }
      const number = next++;
      underWay += 1;
      await accept(number);
      acceptedAt.set(addressOf(number), performance.now());
    }
  };
  await Promise.all(Array.from({ length: connections }, client));
  while (seen.size < next && performance.now() < until + 10_000)
    await new Promise((resolve) => setTimeout(resolve, 50));
  if (seen.size < next) console.log(`  ${next - seen.size} messages had not arrived ten seconds later`);
  spans.sort((a, b) => a - b);
  return {
    perSecond: spans.length / seconds,
    p50Ms: spans[Math.floor(spans.length * 0.5)] ?? 0,
    p99Ms: spans[Math.floor(spans.length * 0.99)] ?? 0,
    delivered: seen.size,
    twice,
  };
}

function overHttp(port: number, key: string): Accept {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  return (number) => {
    const body = JSON.stringify({
      to: addressOf(number),
      subject: `Your quote ${number}`,
      identity: 'alice',
      text,
      html,
    });
    return new Promise((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${key}`,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      };
      const sent = request(
        { port, host: '127.0.0.1', method: 'POST', path: '/v1/messages', agent, headers },
        (response) => {
          response.resume();
          response.on('end', () => {
            if (response.statusCode === 202) resolve();
            else reject(new Error(`refused with ${response.statusCode}`));
          });
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
  };
}

function overSmtp(port: number): Accept {
  const transport = smtpTransport({ host: '127.0.0.1', port, opportunisticTls: false, maxConnections: connections });
  return async (number) => {
    const head =
      `From: Alice <alice@bench.example>\r\nTo: ${addressOf(number)}\r\nSubject: Your quote ${number}\r\n` +
      `Message-ID: <${number}@bench.example>\r\nDate: Mon, 02 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n\r\n`;
    const content = Buffer.from(`${head}${`${text}${html}`.replace(/.{1,900}/gs, '$&\r\n')}`);
    const delivery = { from: 'alice@bench.example', to: addressOf(number), content, beforeDot: async () => true };
    const { outcome } = await transport.deliver(delivery);
    if (outcome !== 'taken') throw new Error(`Postfix answered: ${outcome}`);
  };
}

const told = ({ perSecond, p50Ms, p99Ms, delivered, twice }: Road): string =>
  `${perSecond.toFixed(0)}/s, accept to delivery p50 ${p50Ms.toFixed(0)} ms, p99 ${p99Ms.toFixed(0)} ms; ${delivered} delivered, ${twice} twice`;

const directory = mkdtempSync(join(tmpdir(), 'postern-bench-'));
try {
  const { keys } = await prepareTenants(directory, 1);
  const gateway = await startGatewayProcess({
    POSTERN_DATA_DIR: directory,
    POSTERN_LOG: 'error',
    POSTERN_OUTBOUND: `smtp://127.0.0.1:${sink.port}?tls=never&connections=${connections}`,
    BENCH_QUIET: '1',
  });
  console.log(`${seconds} s each, ${connections} connections in and out, ${window} messages under way`);
  const usedBefore = processorSeconds(gateway.child.pid!);
  const ours = await measure(overHttp(gateway.port, keys[0]!));
  const usedMs = ((processorSeconds(gateway.child.pid!) - usedBefore) * 1000) / ours.delivered;
  const memory = memoryOf(gateway.child.pid!);
  await gateway.stop();
  console.log(
    `postern, HTTP in, DKIM:  ${told(ours)}; memory ${memory.peakMb.toFixed(0)} MB at its peak, ${usedMs.toFixed(2)} ms of processor a message`,
  );
  const postfix = await startPostfix(sink.port, connections);
  if (postfix === null) console.log('Postfix not installed (or not root): nothing to compare with');
  else {
    const theirs = await measure(overSmtp(postfix.port));
    postfix.stop();
    console.log(`Postfix, SMTP in, plain: ${told(theirs)}`);
    console.log(`ratio ${(ours.perSecond / theirs.perSecond).toFixed(2)} (bar 1.5, goal 3)`);
  }
} finally {
  await sink.close();
  rmSync(directory, { recursive: true, force: true });
}
process.exit(0);
