/**
 * Deliveries a second of the relay as it runs (claimed from the store, composed, signed, handed over, settled durably)
 * against nodemailer's pooled transport composing, signing and handing over the same messages from memory, to the same
 * sink process, over as many connections, in alternating rounds of one run: plain, and with RSA-2048 DKIM.
 *
 *   node bench/relay.ts [--messages 4000] [--connections 20] [--rounds 3]
 *
 * The sink and the disk share the machine with both; only the ratios mean anything.
 */
import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createTransport } from 'nodemailer';
import { newId } from '../src/base/ids.ts';
import { openSecrets } from '../src/base/secrets.ts';
import { openTokens } from '../src/base/tokens.ts';
import { fileBlobs } from '../src/data/blobs.ts';
import { openSqliteStore } from '../src/data/sqlite/store.ts';
import type { Principal, Store } from '../src/data/store.ts';
import { Intake } from '../src/intake/submit.ts';
import { startComposer } from '../src/relay/composer.ts';
import { Dispatcher } from '../src/relay/dispatcher.ts';
import { generateDkimKey } from '../src/relay/dkim.ts';
import { Mails } from '../src/relay/mails.ts';
import { replies } from '../src/relay/replies.ts';
import { TransportBook } from '../src/relay/transport-book.ts';
import { smtpTransport } from '../src/relay/transports/smtp.ts';
import { Ways } from '../src/relay/ways.ts';
import { startSinkProcess } from './rig/sink.ts';
import { bodyText } from './rig/tenants.ts';

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '4000' },
    connections: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '3' },
  },
});
const messages = Number(values.messages);
const connections = Number(values.connections);
const directory = mkdtempSync(join(tmpdir(), 'postern-bench-'));
const blobs = fileBlobs(join(directory, 'blobs'));
const { privateKey } = await generateDkimKey('rsa');
const dkimKey = { domain: 'bench.example', selector: 'bench', privateKey: createPrivateKey(privateKey) };
const log = { error: console.error, warn: console.warn, info: () => {} };
const sink = await startSinkProcess();

const bodyOf = (i: number) => ({
  from: 'Alice <alice@bench.example>',
  to: `person${i}@mail${i % 300}.example`,
  subject: `Your quote ${i}`,
  text: bodyText(1000, i),
  html: `<p>${bodyText(820, i + 3)}</p>`,
});

async function openStore(): Promise<{ store: Store; principal: Principal }> {
  const opened = await openSqliteStore({ directory, domain: 'bench.example' });
  if (!opened.ok) throw new Error(opened.message);
  const { store } = opened;
  const tenant = await store.createTenant({
    id: newId('ten'),
    installationId: newId('ins'),
    name: 'bench',
    standing: 'active',
    trialEndsAt: null,
    plan: null,
    billing: 'none',
    credits: null,
    trust: 'established',
    locale: null,
    notify: [],
    actor: 'bench',
  });
  const installation = await store.defaultInstallation({ tenantNo: tenant.no });
  return { store, principal: { tenantNo: tenant.no, tenantId: tenant.id, mode: 'live', keyNo: 1, ...installation } };
}

const { store, principal } = await openStore();
const intake = new Intake(store, blobs);
let accepted = 0;

/** Puts so many messages into the queue; nothing delivers meanwhile. */
async function fill(count: number): Promise<void> {
  while (count > 0) {
    const some = Math.min(count, 200);
    count -= some;
    const answers = await Promise.all(
      Array.from({ length: some }, () =>
        intake.submit({
          principal,
          requestId: 'bench',
          agent: null,
          identities: [],
          body: bodyOf(accepted++),
          idempotencyKey: null,
        }),
      ),
    );
    const isRefused = answers.some(
      ({ outcome, ...rest }) => outcome !== 'answer' || !JSON.stringify(rest).includes('admitted'),
    );
    if (isRefused) throw new Error('a bench message was refused');
  }
}

async function ours(count: number, isSigned: boolean): Promise<number> {
  await fill(count);
  const composer = startComposer();
  const transport = smtpTransport({
    host: '127.0.0.1',
    port: sink.port,
    opportunisticTls: false,
    maxConnections: connections,
  });
  const book = new TransportBook({ store, open: () => ({ error: 'none here' }), openSealed: () => null });
  const tokens = openTokens(openSecrets([{ version: 1, secret: 'bench' }]));
  const keysFor = async () => (isSigned ? [dkimKey] : []);
  let done = 0;
  let finish: () => void = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const dispatcher = new Dispatcher({
    store,
    mails: new Mails({ blobs, composer, tokens, domain: 'bench.example', publicUrl: 'https://bench.example', keysFor }),
    ways: new Ways({ store, outbound: { kind: 'smtp', transport }, book, log }),
    tokens,
    returnDomainFor: async () => 'bounces.bench.example',
    rules: replies(),
    log,
    onDot: () => {
      done += 1;
      if (done === count) finish();
    },
  });
  const startedAt = performance.now();
  dispatcher.start();
  await finished;
  const rate = (count * 1000) / (performance.now() - startedAt);
  dispatcher.stop();
  await Promise.all([transport.close(1000), book.close(0)]);
  await dispatcher.settled(1000);
  await composer.close();
  return rate;
}

async function theirs(count: number, isSigned: boolean): Promise<number> {
  const transport = createTransport({
    host: '127.0.0.1',
    port: sink.port,
    secure: false,
    ignoreTLS: true,
    pool: true,
    maxConnections: connections,
    maxMessages: 100,
    ...(isSigned ? { dkim: { domainName: 'bench.example', keySelector: 'bench', privateKey } } : {}),
  });
  let next = 0;
  const startedAt = performance.now();
  const worker = async (): Promise<void> => {
    while (next < count) await transport.sendMail(bodyOf(next++));
  };
  await Promise.all(Array.from({ length: 64 }, worker));
  const rate = (count * 1000) / (performance.now() - startedAt);
  transport.close();
  return rate;
}

const median = (numbers: number[]): number => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;

try {
  console.log(`${messages} messages of about 2 kB over ${connections} connections, per second`);
  for (const isSigned of [false, true]) {
    const rates: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] };
    await ours(300, isSigned);
    await theirs(100, isSigned);
    for (let round = 0; round < Number(values.rounds); round++) {
      rates.ours.push(Math.round(await ours(messages, isSigned)));
      rates.theirs.push(Math.round(await theirs(Math.ceil(messages / 5), isSigned)));
    }
    const name = isSigned ? 'RSA-2048 DKIM' : 'plain';
    console.log(`${name}: relay       ${rates.ours.join('  ')}   median ${median(rates.ours)}`);
    console.log(`${name}: nodemailer  ${rates.theirs.join('  ')}   median ${median(rates.theirs)}`);
    console.log(`${name}: ratio       ${(median(rates.ours) / median(rates.theirs)).toFixed(2)} (bar 2, goal 5)`);
  }
  const { groups, calls, largestGroup, micros } = store.figures();
  console.log(`store: ${(calls / groups).toFixed(1)} calls a group, largest ${largestGroup}; µs`, micros);
} finally {
  sink.stop();
  await store.close();
  rmSync(directory, { recursive: true, force: true });
}
