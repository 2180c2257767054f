/** The pool of the SMTP transport: reuse, dead kept connections, limits, and the end. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { SmtpPool } from '../../src/relay/smtp/pool.ts';
import { notTaken, openSession } from '../../src/relay/smtp/session.ts';
import { smtpSettings } from '../../src/relay/smtp/settings.ts';
import { delivery, peer, transportTo } from '../harness/deliver.ts';
import { close, hear, hearBody, hello, reset, run, say, transaction } from '../harness/scripted-smtp.ts';
import { type SinkMessage, startSink } from '../harness/smtp-sink.ts';

const message = [...transaction, hearBody, say('250 2.0.0 ok\r\n')];

/** A promise and the call that resolves it. */
function signal(): { promise: Promise<void>; resolve: () => void } {
  return Promise.withResolvers<void>();
}

async function sinkWith(t: TestContext): Promise<{ port: number; messages: SinkMessage[]; accepted: () => number }> {
  const messages: SinkMessage[] = [];
  const sink = await startSink({ onMessage: (each) => messages.push(each) });
  t.after(() => sink.close());
  return { port: sink.port, messages, accepted: sink.accepted };
}

test('many deliveries share few connections, each arrives once', async (t) => {
  const { port, messages } = await sinkWith(t);
  let dialled = 0;
  const dial = (host: string, to: number): Socket => {
    dialled++;
    return connect(to, host);
  };
  const transport = transportTo(t, port, { maxConnections: 3, connect: dial });
  const recipients = Array.from({ length: 200 }, (_, index) => `r${index}@x.example`);
  const results = await Promise.all(recipients.map((to) => transport.deliver(delivery({ to }))));
  assert.ok(results.every((result) => result.outcome === 'taken'));
  assert.deepEqual(messages.map((each) => each.to[0]).sort(), recipients.toSorted());
  assert.equal(dialled, 3);
});

test('a connection is given up after its share of deliveries', async (t) => {
  const { port, accepted } = await sinkWith(t);
  let dialled = 0;
  const dial = (host: string, to: number): Socket => {
    dialled++;
    return connect(to, host);
  };
  const transport = transportTo(t, port, { maxConnections: 1, deliveriesPerConnection: 10, connect: dial });
  await Promise.all(Array.from({ length: 35 }, () => transport.deliver(delivery())));
  assert.equal(accepted(), 35);
  assert.equal(dialled, 4);
});

test('content of any shape arrives byte for byte', async (t) => {
  const { port, messages } = await sinkWith(t);
  const transport = transportTo(t, port);
  const line = fc.oneof(
    fc.constantFrom('', '.', '..', '.x', 'x.', '. ', '.'.repeat(100)),
    fc.string({ unit: fc.constantFrom('.', 'a', '\t', ' ', '\u0000', 'é'), maxLength: 50 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 60 }), fc.integer({ min: 1, max: 3000 }), async (lines, repeat) => {
      const content = Buffer.from(
        `Subject: x\r\n\r\n${lines
          .map((each) => `${each}\r\n`)
          .join('')
          .repeat(repeat % 7 === 0 ? repeat : 1)}`,
      );
      const result = await transport.deliver(delivery({ content }));
      assert.equal(result.outcome, 'taken');
      assert.ok(messages.at(-1)!.content.equals(content));
      messages.length = 0;
    }),
    { numRuns: 60 },
  );
});

test('dots are doubled on both sides of every block border', async (t) => {
  const { port, messages } = await sinkWith(t);
  const transport = transportTo(t, port);
  for (const pad of ['', 'x', 'xx']) {
    const content = Buffer.from(`Subject: ${pad}\r\n\r\n${'.\r\n'.repeat(70_000)}`);
    assert.equal((await transport.deliver(delivery({ content }))).outcome, 'taken');
    assert.ok(messages.at(-1)!.content.equals(content), pad);
  }
});

test('a kept connection that the peer closed while idle is not used again', async (t) => {
  const idle = signal();
  const { port, connections } = await peer(
    t,
    [...hello(), ...message, close, run(idle.resolve)],
    [...hello(), ...message],
  );
  const transport = transportTo(t, port, { maxConnections: 1 });
  assert.equal((await transport.deliver(delivery())).outcome, 'taken');
  await idle.promise;
  await connections[0]!.gone;
  assert.equal((await transport.deliver(delivery())).outcome, 'taken');
  assert.equal(connections.length, 2);
});

for (const [name, end] of [
  ['closed', close],
  ['reset', reset],
  ['ended by 421', say('421 4.4.2 idle too long\r\n')],
] as const) {
  test(`a kept connection ${name} at its first command is replaced once, without a failure`, async (t) => {
    const { port, connections } = await peer(
      t,
      [...hello(), ...message, hear(/^MAIL /), end],
      [...hello(), ...message],
    );
    const transport = transportTo(t, port, { maxConnections: 1 });
    assert.equal((await transport.deliver(delivery())).outcome, 'taken');
    assert.equal((await transport.deliver(delivery())).outcome, 'taken');
    assert.equal(connections.length, 2);
    assert.ok(!connections[0]!.octets().endsWith('\r\n.\r\n'));
  });
}

test('a fresh connection that dies at its first command is not taken, and not tried again', async (t) => {
  const { port, connections } = await peer(t, [...hello(), hear(/^MAIL /), close]);
  const result = await transportTo(t, port).deliver(delivery());
  assert.equal(result.outcome, 'not_taken');
  assert.equal(connections.length, 1);
});

test('a link that breaks behind the first command of a kept connection is not tried again', async (t) => {
  const { port, connections } = await peer(t, [...hello(), ...message, hear(/^MAIL /), say('250 ok\r\n'), close]);
  const transport = transportTo(t, port, { maxConnections: 1 });
  await transport.deliver(delivery());
  const result = await transport.deliver(delivery());
  assert.equal('stage' in result && result.stage, 'rcpt');
  assert.equal(connections.length, 1);
});

test('an idle connection is ended with QUIT after its time', async (t) => {
  const { port, connections } = await peer(t, [...hello(), ...message, hear(/^QUIT$/), say('221 bye\r\n'), close]);
  const transport = transportTo(t, port, { timeouts: { idleMs: 20 } });
  await transport.deliver(delivery());
  // The idle timer keeps no process alive, so the peer's socket must.
  await connections[0]!.gone;
  assert.ok(connections[0]!.octets().endsWith('QUIT\r\n'));
});

test('no connection is a value, for a refused port and for a dialler that throws', async (t) => {
  const gone = await startSink();
  await gone.close();
  const refused = await transportTo(t, gone.port).deliver(delivery());
  assert.equal('stage' in refused && refused.stage, 'connect');
  const dial = async (): Promise<Socket> => {
    throw new Error('address is private');
  };
  const guarded = await transportTo(t, 25, { connect: dial }).deliver(delivery());
  assert.deepEqual(guarded, {
    outcome: 'not_taken',
    stage: 'connect',
    reply: { code: null, enhanced: null, text: 'address is private' },
  });
});

test('a dialler that never answers is cut off', async (t) => {
  const dial = (): Promise<Socket> => new Promise(() => {});
  const transport = transportTo(t, 25, { connect: dial, timeouts: { connectMs: 50 } });
  const result = await transport.deliver(delivery());
  assert.equal('stage' in result && result.stage, 'connect');
});

test('failed connections give their places back', async (t) => {
  const dial = async (): Promise<Socket> => {
    throw new Error('no');
  };
  const transport = transportTo(t, 25, { connect: dial, maxConnections: 2 });
  const results = await Promise.all(Array.from({ length: 50 }, () => transport.deliver(delivery())));
  assert.ok(results.every((result) => result.outcome === 'not_taken'));
});

test('bare line ends, a missing last line end and unsafe addresses are faults, and nothing is dialled', async (t) => {
  const dial = (): Socket => assert.fail('dialled');
  const transport = transportTo(t, 25, { connect: dial });
  for (const content of [
    '',
    'x',
    'x\n',
    'x\r',
    'a\nb\r\n',
    'a\rb\r\n',
    '\n.\r\nb\r\n',
    '\r\n.\rb\r\n',
    'a\r\r\nb\r\n',
    'a\n\r\n',
  ]) {
    await assert.rejects(
      transport.deliver(delivery({ content: Buffer.from(content) })),
      RangeError,
      JSON.stringify(content),
    );
  }
  for (const to of ['a@b\r\nRCPT TO:<c@d', 'a@b>\0', 'a b@c', 'a@b> X', '"a@b', '\ud800@b', 'a<b@c', '"a\\"@b']) {
    await assert.rejects(transport.deliver(delivery({ to })), RangeError, JSON.stringify(to));
    await assert.rejects(transport.deliver(delivery({ from: to })), RangeError, JSON.stringify(to));
  }
});

test('a quoted local part with blanks and angle brackets goes as it is', async (t) => {
  const { port, messages } = await sinkWith(t);
  await transportTo(t, port).deliver(delivery({ to: '"a <b> \\" c"@x.example' }));
  assert.deepEqual(messages[0]!.to, ['"a <b> \\" c"@x.example']);
});

test('close waits for the answer to a dot that is out', async (t) => {
  const dot = signal();
  const closing = signal();
  const { port } = await peer(t, [
    ...hello(),
    ...transaction,
    hearBody,
    run(dot.resolve),
    run(() => closing.promise),
    say('250 2.0.0 late\r\n'),
  ]);
  const transport = transportTo(t, port);
  const sent = transport.deliver(delivery());
  await dot.promise;
  const closed = transport.close(60_000);
  closing.resolve();
  assert.equal((await sent).outcome, 'taken');
  await closed;
});

test('close past the grace time leaves a dot without an answer uncertain', async (t) => {
  const dot = signal();
  const { port } = await peer(t, [...hello(), ...transaction, hearBody, run(dot.resolve)]);
  const transport = transportTo(t, port);
  const sent = transport.deliver(delivery());
  await dot.promise;
  await transport.close(50);
  assert.equal((await sent).outcome, 'uncertain');
});

test('close stops what is before its dot: no dot is written, and waiting deliveries are not taken', async (t) => {
  const looked = signal();
  const release = signal();
  const { port, connections } = await peer(t, [...hello(), ...transaction, hearBody, say('250 ok\r\n')]);
  const transport = transportTo(t, port, { maxConnections: 1 });
  const beforeDot = async (): Promise<boolean> => {
    looked.resolve();
    await release.promise;
    return true;
  };
  const sending = transport.deliver(delivery({ beforeDot }));
  const waiting = transport.deliver(delivery());
  await looked.promise;
  const closed = transport.close(60_000);
  release.resolve();
  assert.equal((await sending).outcome, 'not_taken');
  assert.equal((await waiting).outcome, 'not_taken');
  await closed;
  await connections[0]!.gone;
  assert.ok(connections[0]!.octets().endsWith('hello\r\n'));
  assert.equal((await transport.deliver(delivery())).outcome, 'not_taken');
});

test('close says QUIT on idle connections', async (t) => {
  const { port, connections } = await peer(t, [...hello(), ...message, hear(/^QUIT$/), say('221 bye\r\n'), close]);
  const transport = transportTo(t, port);
  await transport.deliver(delivery());
  await transport.close(5000);
  await connections[0]!.gone;
  assert.ok(connections[0]!.octets().endsWith('QUIT\r\n'));
});

test('an idle transport keeps no process alive', async (t) => {
  const { port } = await sinkWith(t);
  const { spawn } = await import('node:child_process');
  const script = `
    const { smtpTransport } = await import(${JSON.stringify(new URL('../../src/relay/transports/smtp.ts', import.meta.url).href)});
    const transport = smtpTransport({ host: '127.0.0.1', port: ${port} });
    const content = Buffer.from('Subject: x\\r\\n\\r\\nx\\r\\n');
    const result = await transport.deliver({ from: 'a@b.example', to: 'c@d.example', content, beforeDot: async () => true });
    process.exitCode = result.outcome === 'taken' ? 7 : 1;
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit', timeout: 20_000 });
  const [code] = await once(child, 'exit');
  assert.equal(code, 7);
});

test('a pool tells when nothing is left in it: after a failure at once, else when its connections have rested', async (t) => {
  const { port } = await peer(t, [
    ...hello(),
    ...transaction,
    hearBody,
    say('250 2.0.0 taken\r\n'),
    hear(/^QUIT$/),
    close,
  ]);
  const settings = smtpSettings({ host: '127.0.0.1', port, timeouts: { idleMs: 30 } });
  let tell: () => void = () => {};
  const empty = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const parts = { maxConnections: 1, deliveriesPerConnection: 10, timeouts: settings.timeouts };
  const pool = new SmtpPool({ ...parts, open: (onLink) => openSession(settings, onLink), onEmpty: () => tell() });
  assert.equal((await pool.deliver(delivery())).outcome, 'taken');
  assert.deepEqual([pool.isIdle, pool.isEmpty], [true, false]);
  await empty;
  assert.equal(pool.isEmpty, true);
  let told = 0;
  const failing = new SmtpPool({ ...parts, open: async () => notTaken('connect', 'no'), onEmpty: () => told++ });
  assert.equal((await failing.deliver(delivery())).outcome, 'not_taken');
  assert.ok(told > 0 && failing.isEmpty);
});
