import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { makeSelfSigned } from '../../src/base/self-signed.ts';
import { isBroken, receivedIn } from '../../src/base/smtp-sessions.ts';
import { StoreFault } from '../../src/data/store.ts';
import type { Arrived, Inbox } from '../../src/returns/inbox.ts';
import { type ListenerLimits, startListener } from '../../src/returns/listener.ts';
import type { Postmaster } from '../../src/returns/postmaster.ts';
import { deliverMail, smtpTalk, type Talk, trickle } from '../harness/smtp-talk.ts';

const TLS = makeSelfSigned('gateway.example', Date.now());
const KNOWN = 'b+known@bounces.gateway.example';
const MAIL = 'From: a@b.example\r\nSubject: x\r\n\r\nhello';

type Behaviour = { take?: (arrived: Arrived) => Promise<{ outcome: string }>; exists?: () => Promise<boolean> };

async function listener(t: TestContext, behaviour: Behaviour = {}, limits: Partial<ListenerLimits> = {}) {
  const taken: Arrived[] = [];
  const inbox = {
    targetOf: (address: string) => (address.startsWith('b+known') ? { address } : null),
    exists: behaviour.exists ?? (async () => true),
    take:
      behaviour.take === undefined
        ? async (_target: unknown, arrived: Arrived) => {
            taken.push(arrived);
            return { outcome: 'taken' };
          }
        : (_target: unknown, arrived: Arrived) => behaviour.take!(arrived),
  } as unknown as Inbox;
  const postmaster = {
    takes: async (address: string) => /^postmaster@gateway\.example$/i.test(address),
    keep: async (arrived: Arrived) => {
      taken.push(arrived);
      return 'opm_1';
    },
  } as unknown as Postmaster;
  const log = { error: () => undefined, warn: () => undefined };
  const parts = {
    host: '127.0.0.1',
    port: 0,
    name: 'gateway.example',
    tls: TLS,
    inbox,
    postmaster,
    log,
    limits,
    lookEveryMs: 20,
  };
  const started = await startListener(parts);
  t.after(() => started.close());
  return { port: started.port, taken, started };
}

/** As far as DATA. */
async function toData(port: number, to = KNOWN): Promise<Talk> {
  const talk = await smtpTalk(port);
  for (const line of ['EHLO a.example', 'MAIL FROM:<>', `RCPT TO:<${to}>`]) assert.match(await talk.say(line), /^250/);
  assert.match(await talk.say('DATA'), /^354/);
  return talk;
}

test('mail for a signed address is taken, with its envelope and its octets as they came', async (t) => {
  const { port, taken } = await listener(t);
  const body = `${MAIL}\r\n.one dot\r\n..two dots`;
  assert.match(await deliverMail(port, { from: '', to: KNOWN, data: body.replaceAll(/^\./gm, '..') }), /^250 /);
  // The harness doubles dots of texts once more.
  assert.equal(taken.length, 1);
  assert.equal(taken[0]!.mailFrom, '');
  assert.equal(taken[0]!.rcptTo, KNOWN);
  assert.match(Buffer.from(taken[0]!.octets).toString(), /^From: a@b\.example\r\nSubject: x\r\n\r\nhello\r\n/);
});

test('mail for the postmaster is taken beside it, unless it is large: then nothing of it is', async (t) => {
  const { port, taken } = await listener(t);
  const to = ['Postmaster@gateway.example', KNOWN];
  assert.match(await deliverMail(port, { from: 'a@b.example', to, data: MAIL }), /^250 /);
  assert.deepEqual(
    taken.map(({ rcptTo }) => rcptTo),
    to,
  );
  const large = `${MAIL}${`${'x'.repeat(998)}\r\n`.repeat(1100)}`;
  assert.match(await deliverMail(port, { from: 'a@b.example', to: [...to].reverse(), data: large }), /^552 5\.3\.4 /);
  assert.equal(taken.length, 2);
});

test('everything else is refused in the session, and many guesses end it', async (t) => {
  const { port, taken } = await listener(t);
  const talk = await smtpTalk(port);
  await talk.say('EHLO a.example');
  await talk.say('MAIL FROM:<a@b.example>');
  let reply = '';
  for (let i = 0; i < 30 && !reply.startsWith('421'); i++)
    reply = await talk.say(`RCPT TO:<b+guess${i}@bounces.gateway.example>`);
  assert.match(reply, /^421 4\.7\.0 /);
  await talk.closed;
  assert.equal(taken.length, 0);
});

test('what is unknown to the store is refused as what we never signed', async (t) => {
  const { port } = await listener(t, { exists: async () => false });
  const unknown = await deliverMail(port, { from: '', to: KNOWN, data: MAIL });
  assert.equal(unknown, await deliverMail(port, { from: '', to: 'x@y.example', data: MAIL }));
  assert.match(unknown, /^550 5\.1\.1 /);
});

for (const [kind, code] of [
  ['full', '452 4.3.1'],
  ['unavailable', '451 4.3.0'],
  ['clock', '451 4.3.0'],
] as const) {
  test(`where the store is ${kind}, the client is told to come again`, async (t) => {
    const fail = async (): Promise<never> => {
      throw new StoreFault(kind, 'not now');
    };
    const { port } = await listener(t, { take: fail });
    assert.ok((await deliverMail(port, { from: '', to: KNOWN, data: MAIL })).startsWith(code));
    const early = await listener(t, { exists: fail });
    assert.ok((await deliverMail(early.port, { from: '', to: KNOWN, data: MAIL })).startsWith(code));
  });
}

test('a fault of our own, and a message on the wire, are no refusals either', async (t) => {
  const broken = await listener(t, { take: () => Promise.reject(new Error('a bug')) });
  assert.match(await deliverMail(broken.port, { from: '', to: KNOWN, data: MAIL }), /^451 4\.3\.0 /);
  const later = await listener(t, { take: async () => ({ outcome: 'later' }) });
  assert.match(await deliverMail(later.port, { from: '', to: KNOWN, data: MAIL }), /^451 4\.3\.0 /);
});

test('a mail that is too large is refused, before its data where its size is told', async (t) => {
  const { port, taken } = await listener(t, {}, { bytes: 10_000 });
  const talk = await smtpTalk(port);
  assert.match(await talk.say('EHLO a.example'), /SIZE 10000/);
  assert.match(await talk.say('MAIL FROM:<> SIZE=10001'), /^552/);
  const data = `${MAIL}\r\n${'x'.repeat(78)}\r\n`.repeat(200);
  assert.match(await deliverMail(port, { from: '', to: KNOWN, data }), /^552 5\.3\.4 /);
  assert.equal(taken.length, 0);
});

test('data that never ends is cut', async (t) => {
  const { port, taken } = await listener(t, {}, { bytes: 10_000 });
  const talk = await toData(port);
  talk.write(`${'x'.repeat(70)}\r\n`.repeat(2000));
  assert.match(await talk.reply(), /^552/);
  await talk.closed;
  assert.equal(taken.length, 0);
});

test('a mail that goes in circles is refused', async (t) => {
  const { port } = await listener(t);
  const received = (count: number) => `Received: from a by b; now\r\n`.repeat(count) + MAIL;
  assert.match(await deliverMail(port, { from: '', to: KNOWN, data: received(51) }), /^554 5\.4\.6 /);
  assert.match(await deliverMail(port, { from: '', to: KNOWN, data: received(50) }), /^250 /);
  assert.equal(receivedIn(Buffer.from(`X: y\r\n\r\n${'Received: x\r\n'.repeat(60)}`)), 0);
});

test('too many recipients wait for another session', async (t) => {
  const { port } = await listener(t, {}, { recipients: 2 });
  const talk = await smtpTalk(port);
  await talk.say('EHLO a.example');
  await talk.say('MAIL FROM:<>');
  for (const n of [1, 2]) assert.match(await talk.say(`RCPT TO:<b+known${n}@bounces.x.example>`), /^250/);
  assert.match(await talk.say('RCPT TO:<b+known3@bounces.x.example>'), /^452 4\.5\.3 /);
  talk.end();
});

const vectors = readFileSync(new URL('../fixtures/vectors/smtp-smuggling.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as { id: string; end_of_data_b64?: string; family: string; expect: string });

for (const { id, end_of_data_b64: end, family, expect } of vectors.filter((vector) => vector.end_of_data_b64)) {
  test(`${family} (${id}) smuggles nothing: ${expect}`, async (t) => {
    const { port, taken } = await listener(t);
    const talk = await toData(port);
    talk.write(`${MAIL}`);
    talk.write(Buffer.from(end!, 'base64'));
    talk.write(`MAIL FROM:<smuggled@evil.test>\r\nRCPT TO:<${KNOWN}>\r\nDATA\r\nsmuggled\r\n.\r\n`);
    const first = await talk.reply();
    const hasBare = isBroken(Buffer.concat([Buffer.from(MAIL), Buffer.from(end!, 'base64')]), null);
    if (hasBare) {
      assert.match(first, /^521 5\.5\.2 /);
      await talk.closed;
      assert.equal(taken.length, 0);
      assert.equal(await talk.reply(), '');
    } else {
      assert.match(first, /^250 /);
      assert.equal(taken.length, 1);
      assert.match(Buffer.from(taken[0]!.octets).toString(), /smuggled@evil\.test/);
      talk.socket.destroy();
    }
  });
}

test('a bare CR, LF or NUL is found wherever a piece of the data is cut', () => {
  const cases: [string, boolean][] = [
    ['a\r\nb\r\n', false],
    ['a\nb\r\n', true],
    ['a\rb\r\n', true],
    ['a\r\r\nb', true],
    ['a\r\n\nb', true],
    ['\na', true],
    ['a\0b\r\n', true],
    ['\r\n\r\n', false],
  ];
  for (const [text, isBad] of cases) {
    const octets = Buffer.from(text);
    for (let cut = 1; cut <= octets.length; cut++) {
      const pieces = [octets.subarray(0, cut), octets.subarray(cut)].filter((piece) => piece.length > 0);
      let before: number | null = null;
      let found = false;
      for (const piece of pieces) {
        found ||= isBroken(piece, before);
        before = piece[piece.length - 1]!;
      }
      assert.equal(found, isBad, `${JSON.stringify(text)} cut at ${cut}`);
    }
  }
});

test('a command without an end is cut at 4 kB', async (t) => {
  const { port } = await listener(t);
  const talk = await smtpTalk(port);
  talk.write('x'.repeat(1_000_000));
  assert.match(await talk.reply(), /^(?:500|421|$)/);
  await talk.closed;
});

test('a client that trickles is ended: between commands, in a command, in the data, in all', async (t) => {
  const { port } = await listener(t, {}, { commandMs: 150, dataMs: 300, sessionMs: 5000 });
  for (const drip of ['', 'N']) {
    const talk = await smtpTalk(port);
    t.after(trickle(talk, drip));
    assert.match(await talk.reply(), /^421/);
    await talk.closed;
  }
  const data = await toData(port);
  t.after(trickle(data, 'x'));
  assert.match(await data.reply(), /^421/);
  await data.closed;
  const short = await listener(t, {}, { sessionMs: 200 });
  const busy = await smtpTalk(short.port);
  let reply = '';
  while (!reply.startsWith('421') && reply !== undefined) {
    reply = await busy.say('NOOP');
    if (reply === '') break;
  }
  await busy.closed;
});

test('an address that opens too many connections leaves room for the others', async (t) => {
  const { port } = await listener(t, {}, { connectionsPerAddress: 3, connections: 5 });
  const open = await Promise.all([1, 2, 3].map(() => smtpTalk(port, '127.0.0.2')));
  assert.ok(open.every(({ greeting }) => greeting.startsWith('220')));
  assert.match((await smtpTalk(port, '127.0.0.2')).greeting, /^421 4\.7\.0 /);
  const others = [await smtpTalk(port, '127.0.0.3'), await smtpTalk(port, '127.0.0.4')];
  assert.ok(others.every(({ greeting }) => greeting.startsWith('220')));
  assert.match((await smtpTalk(port, '127.0.0.5')).greeting, /^421/);
  open[0]!.socket.destroy();
  await open[0]!.closed;
  others[0]!.socket.destroy();
  await others[0]!.closed;
  let greeting = '';
  for (let i = 0; i < 50 && !greeting.startsWith('220'); i++) greeting = (await smtpTalk(port, '127.0.0.2')).greeting;
  assert.match(greeting, /^220/);
});

test('where there is no more room, who says nothing makes room for who does', async (t) => {
  const { port, taken } = await listener(t, {}, { connectionsPerAddress: 2, connections: 3, idleMs: 0 });
  const named = await toData(port);
  const silent = [await smtpTalk(port, '127.0.0.2'), await smtpTalk(port, '127.0.0.2')];
  const ended = Promise.race(silent.map((talk) => talk.closed.then(() => talk)));
  assert.match(await deliverMail(port, { from: '', to: KNOWN, data: MAIL }), /^250 /);
  assert.equal(taken.length, 1);
  const gone = await ended;
  assert.match(await gone.reply(), /^421 4\.7\.0 /);
  assert.match(await silent.find((talk) => talk !== gone)!.say('NOOP'), /^250/);
  named.write(`${MAIL}\r\n.\r\n`);
  assert.match(await named.reply(), /^250 /);
});

test('it is encrypted by STARTTLS, and what was sent in the clear behind it is dropped', async (t) => {
  const { port, taken } = await listener(t);
  const talk = await smtpTalk(port);
  assert.match(await talk.say('EHLO a.example'), /STARTTLS/);
  talk.write(`STARTTLS\r\nEHLO injected.example\r\nMAIL FROM:<injected@evil.example>\r\n`);
  assert.match(await talk.reply(), /^220/);
  talk.socket.removeAllListeners('data');
  const secure = connect({ socket: talk.socket, ca: TLS.certificate, servername: 'gateway.example' });
  await once(secure, 'secureConnect');
  assert.ok(secure.authorized);
  secure.write(`RCPT TO:<${KNOWN}>\r\n`);
  const [said] = await once(secure, 'data');
  assert.match(String(said), /^503/);
  secure.destroy();
  assert.equal(taken.length, 0);
});

test('connections under TLS are counted down as they end', async (t) => {
  const { port } = await listener(t, {}, { connectionsPerAddress: 2 });
  for (let i = 0; i < 6; i++) {
    const talk = await smtpTalk(port);
    assert.match(talk.greeting, /^220/, `connection ${i}`);
    await talk.say('EHLO a.example');
    await talk.say('STARTTLS');
    talk.socket.removeAllListeners('data');
    const secure = connect({ socket: talk.socket, ca: TLS.certificate, servername: 'gateway.example' });
    await once(secure, 'secureConnect');
    secure.resume().write('QUIT\r\n');
    await once(secure, 'close');
  }
});

test('a stop answers what is idle, and waits for nobody', async (t) => {
  const { port, started } = await listener(t);
  const talk = await smtpTalk(port);
  await talk.say('EHLO a.example');
  const stopped = started.close();
  assert.match(await talk.reply(), /^421 4\.3\.2 /);
  await stopped;
});
