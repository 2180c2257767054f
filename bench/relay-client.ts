/**
 * How fast one SMTP client hands over prebuilt mail, ours against nodemailer's pooled transport, to the same sink
 * process, in alternating rounds of the same run. Prints messages per second for each round, the medians and the ratio.
 *
 *   node bench/relay-client.ts [--messages 10000] [--bytes 2048] [--connections 8] [--rounds 3]
 *
 * The sink shares the machine's cores with the clients; only the ratio means anything.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { createTransport } from 'nodemailer';
import { smtpTransport } from '../src/relay/transports/smtp.ts';

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '10000' },
    bytes: { type: 'string', default: '2048' },
    connections: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '3' },
  },
});
const messages = Number(values.messages);
const connections = Number(values.connections);

const HEAD =
  'From: a@sender.example\r\nTo: b@rcpt.example\r\nSubject: bench\r\nMessage-ID: <1@sender.example>\r\nDate: Mon, 02 Nov 2026 10:00:00 +0000\r\n\r\n';
const line = `${'x'.repeat(76)}\r\n`;
const content = Buffer.from(HEAD + line.repeat(Math.ceil((Number(values.bytes) - HEAD.length) / line.length)));

/** Keeps `width` sends under way until `total` are done. */
async function drive(total: number, width: number, sendOne: () => Promise<void>): Promise<number> {
  let left = total;
  const startedAt = performance.now();
  const worker = async (): Promise<void> => {
    while (left-- > 0) await sendOne();
  };
  await Promise.all(Array.from({ length: width }, worker));
  return (total * 1000) / (performance.now() - startedAt);
}

async function ours(port: number, total: number): Promise<number> {
  const transport = smtpTransport({ host: '127.0.0.1', port, opportunisticTls: false, maxConnections: connections });
  const delivery = { from: 'a@sender.example', to: 'b@rcpt.example', content, beforeDot: async () => true };
  const rate = await drive(total, connections, async () => {
    const { outcome } = await transport.deliver(delivery);
    if (outcome !== 'taken') throw new Error(`not taken: ${outcome}`);
  });
  await transport.close(1000);
  return rate;
}

async function theirs(port: number, total: number): Promise<number> {
  const transport = createTransport({
    host: '127.0.0.1',
    port,
    secure: false,
    ignoreTLS: true,
    pool: true,
    maxConnections: connections,
    maxMessages: 100,
  });
  const envelope = { from: 'a@sender.example', to: 'b@rcpt.example' };
  const rate = await drive(total, connections, async () => {
    await transport.sendMail({ envelope, raw: content });
  });
  transport.close();
  return rate;
}

const median = (numbers: number[]): number => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;

const sink = spawn(process.execPath, [new URL('../test/harness/smtp-sink.ts', import.meta.url).pathname], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
try {
  const [first] = await once(createInterface(sink.stdout), 'line');
  const port = Number(JSON.parse(String(first)).listening);
  await ours(port, 500);
  await theirs(port, 500);
  const rates: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] };
  for (let round = 0; round < Number(values.rounds); round++) {
    rates.ours.push(Math.round(await ours(port, messages)));
    rates.theirs.push(Math.round(await theirs(port, Math.ceil(messages / 5))));
  }
  const ratio = median(rates.ours) / median(rates.theirs);
  console.log(`${messages} messages of ${content.length} octets over ${connections} connections, per second`);
  console.log(`ours        ${rates.ours.join('  ')}   median ${median(rates.ours)}`);
  console.log(`nodemailer  ${rates.theirs.join('  ')}   median ${median(rates.theirs)}`);
  console.log(`ratio       ${ratio.toFixed(1)}`);
} finally {
  sink.kill('SIGTERM');
}
