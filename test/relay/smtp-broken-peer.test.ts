/**
 * What the SMTP client makes of a next hop that misbehaves: the answer to the dot that does not come, breaks off or is
 * late; refusals at each stage; replies that are too long, garbled or out of step; TLS that is stripped or forged.
 * Each test names the outcome that must follow, since "uncertain" where it could be "not taken" costs a duplicate, and
 * the other way round costs a message.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { SmtpOptions } from '../../src/relay/smtp/settings.ts';
import type { Delivery, DeliveryResult, Stage } from '../../src/relay/transports/transport.ts';
import { counting, delivery, peer, pem, transportTo } from '../harness/deliver.ts';
import {
  close,
  deafen,
  hear,
  hearBody,
  hearUntil,
  hello,
  reset,
  run,
  type Step,
  say,
  transaction,
  upgrade,
} from '../harness/scripted-smtp.ts';

const toTheDot = [...hello(), ...transaction, hearBody];

/** More than the buffers of the system hold between two sockets. */
function large(): Buffer {
  const line = `${'y'.repeat(76)}\r\n`;
  return Buffer.alloc(200_000 * line.length, line);
}

async function deliverTo(
  t: TestContext,
  script: Step[],
  options: Partial<SmtpOptions> = {},
  change: Partial<Delivery> = {},
): Promise<{ result: DeliveryResult; octets: string }> {
  const { port, connections } = await peer(t, script);
  const transport = transportTo(t, port, options);
  const result = await transport.deliver(delivery(change));
  await transport.close(1000);
  await Promise.all(connections.map((connection) => connection.gone));
  return { result, octets: connections.map((connection) => connection.octets()).join('') };
}

test('no answer after the dot is uncertain', async (t) => {
  const { result } = await deliverTo(t, toTheDot, { timeouts: { dotMs: 100 } });
  assert.equal(result.outcome, 'uncertain');
});

test('a reset after the dot is uncertain', async (t) => {
  const { result } = await deliverTo(t, [...toTheDot, reset]);
  assert.equal(result.outcome, 'uncertain');
});

test('a close after the dot is uncertain', async (t) => {
  const { result } = await deliverTo(t, [...toTheDot, close]);
  assert.equal(result.outcome, 'uncertain');
});

for (const half of ['2', '250', '250 2.0.0 qu', '250 2.0.0 queued\r', '250-2.0.0 queued\r\n', '250-queued\r\n250 as']) {
  test(`a reply to the dot cut after ${JSON.stringify(half)} is uncertain`, async (t) => {
    const { result } = await deliverTo(t, [...toTheDot, say(half), close]);
    assert.equal(result.outcome, 'uncertain');
  });
}

test('a whole 250 counts even if a reset follows at once', async (t) => {
  const { result } = await deliverTo(t, [...toTheDot, say('250 2.0.0 queued as 42\r\n'), reset]);
  assert.deepEqual(result, { outcome: 'taken', reply: { code: 250, enhanced: '2.0.0', text: 'queued as 42' } });
});

test('a reply to the dot in single octets is one reply', async (t) => {
  const octets = [...'250-2.0.0 queued\r\n250 2.0.0 as 42\r\n'].map((octet) => say(octet));
  const { result } = await deliverTo(t, [...toTheDot, ...octets]);
  assert.deepEqual(result, { outcome: 'taken', reply: { code: 250, enhanced: '2.0.0', text: 'queued as 42' } });
});

for (const [code, outcome] of [
  [421, 'deferred'],
  [451, 'deferred'],
  [554, 'refused'],
] as const) {
  test(`${code} to the dot is ${outcome}`, async (t) => {
    const { result } = await deliverTo(t, [...toTheDot, say(`${code} ${code < 500 ? 4 : 5}.3.0 no\r\n`)]);
    const enhanced = code < 500 ? '4.3.0' : '5.3.0';
    assert.deepEqual(result, { outcome, stage: 'dot', reply: { code, enhanced, text: 'no' } });
  });
}

test('a reply to the dot that is no reply leaves it uncertain', async (t) => {
  const { result } = await deliverTo(t, [...toTheDot, say('thank you\r\n')]);
  assert.equal(result.outcome, 'uncertain');
});

test('a reply to the dot beyond the memory cap is judged by its code', async (t) => {
  const { result } = await deliverTo(t, [...toTheDot, say(`250 ${'x'.repeat(1_000_000)}`)]);
  assert.equal(result.outcome, 'taken');
  assert.ok('reply' in result && result.reply.text.length <= 2000);
});

type Refusal = { stage: Stage; before: Step[]; after?: Step[]; session?: boolean };
const plain = hello(['8BITMIME']);
const stages: Refusal[] = [
  { stage: 'banner', before: [], session: true },
  { stage: 'ehlo', before: [say('220 peer\r\n'), hear(/^EHLO gateway\.example$/)], session: true },
  { stage: 'mail', before: [...plain, hear(/^MAIL /)] },
  { stage: 'rcpt', before: [...plain, hear(/^MAIL /), say('250 ok\r\n'), hear(/^RCPT /)] },
  {
    stage: 'data',
    before: [...plain, hear(/^MAIL /), say('250 ok\r\n'), hear(/^RCPT /), say('250 ok\r\n'), hear(/^DATA$/)],
  },
];

for (const { stage, before, session } of stages) {
  for (const code of [421, 451, 554]) {
    const outcome = session ? 'not_taken' : code < 500 ? 'deferred' : 'refused';
    test(`${code} at ${stage} is ${outcome}`, async (t) => {
      const look = counting(true);
      const script = [...before, say(`${code} 4.3.2 no\r\n`)];
      const { result } = await deliverTo(t, script, {}, { beforeDot: look.beforeDot });
      assert.deepEqual(result, { outcome, stage, reply: { code, enhanced: '4.3.2', text: 'no' } });
      assert.equal(look.calls(), 0);
    });
  }

  for (const [name, end] of [
    ['close', close],
    ['reset', reset],
  ] as const) {
    test(`a ${name} at ${stage} is not taken`, async (t) => {
      const { result } = await deliverTo(t, [...before, end]);
      assert.equal(result.outcome, 'not_taken');
      // A reset at the very start may arrive before the client has seen that it was connected.
      const mayBe = stage === 'banner' ? ['banner', 'connect'] : [stage];
      assert.ok('stage' in result && mayBe.includes(result.stage));
    });
  }

  test(`silence at ${stage} is not taken`, async (t) => {
    const timeouts = { greetingMs: 100, commandMs: 100, dataMs: 100 };
    const { result } = await deliverTo(t, before, { timeouts });
    assert.equal(result.outcome, 'not_taken');
    assert.equal('stage' in result && result.stage, stage);
  });

  for (const [name, bytes] of [
    ['an endless multi-line reply', Buffer.from('250-and so on\r\n'.repeat(10_000))],
    ['a reply line of 1 MB', Buffer.alloc(1_000_000, 'x')],
    ['a line that is no reply', Buffer.from('hello\r\n')],
    ['a line of NUL', Buffer.from(`${'\0'.repeat(100)}\r\n`)],
  ] as const) {
    test(`${name} at ${stage} is not taken`, async (t) => {
      const { result } = await deliverTo(t, [...before, say(bytes)]);
      assert.equal(result.outcome, 'not_taken');
      assert.equal('stage' in result && result.stage, stage);
    });
  }
}

test('a refusal beyond the memory cap is judged by its code', async (t) => {
  const script = [...plain, hear(/^MAIL /), say(`550-5.7.1 ${'no '.repeat(900)}\r\n`.repeat(100))];
  const { result } = await deliverTo(t, script);
  assert.equal(result.outcome, 'refused');
});

test('NUL, control and 8-bit octets in a reply come out as clean text', async (t) => {
  const script = [...plain, hear(/^MAIL /), say(Buffer.from('550 5.7.1 n\0o\x1b[31m caf\xe9 \x7f\r\n', 'latin1'))];
  const { result } = await deliverTo(t, script);
  assert.deepEqual('reply' in result && result.reply, { code: 550, enhanced: '5.7.1', text: 'n o [31m café' });
});

test('a late banner is waited for, and nothing is said before it', async (t) => {
  let heardBefore = '';
  const { port, connections } = await peer(t, [
    run(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      heardBefore = connections[0]?.octets() ?? '';
    }),
    say('220-peer\r\n'),
    say('220 ready\r\n'),
    ...hello().slice(1),
    ...transaction,
    hearBody,
    say('250 ok\r\n'),
  ]);
  const result = await transportTo(t, port).deliver(delivery());
  assert.equal(result.outcome, 'taken');
  assert.equal(heardBefore, '');
});

test('pipelined: a refused recipient is refused, and the 354 behind it never gets an empty message', async (t) => {
  const script = [
    ...hello(),
    hear(/^MAIL /),
    hear(/^RCPT /),
    hear(/^DATA$/),
    say('250 ok\r\n550 5.1.1 no such user\r\n354 go\r\n'),
  ];
  const { result, octets } = await deliverTo(t, script);
  assert.deepEqual(result, {
    outcome: 'refused',
    stage: 'rcpt',
    reply: { code: 550, enhanced: '5.1.1', text: 'no such user' },
  });
  assert.ok(octets.endsWith('DATA\r\n'));
});

test('pipelined: after a refusal the same connection carries the next delivery, behind RSET', async (t) => {
  const { port, connections } = await peer(t, [
    ...hello(),
    hear(/^MAIL /),
    hear(/^RCPT /),
    hear(/^DATA$/),
    say('250 ok\r\n550 5.1.1 no such user\r\n503 no recipients\r\n'),
    hear(/^RSET$/),
    say('250 ok\r\n'),
    ...transaction,
    hearBody,
    say('250 ok\r\n'),
  ]);
  const transport = transportTo(t, port, { maxConnections: 1 });
  assert.equal((await transport.deliver(delivery())).outcome, 'refused');
  assert.equal((await transport.deliver(delivery())).outcome, 'taken');
  assert.equal(connections.length, 1);
});

test('one reply too few to a pipeline is not taken, not a success of the next command', async (t) => {
  const script = [...hello(), hear(/^MAIL /), hear(/^RCPT /), hear(/^DATA$/), say('250 ok\r\n354 go\r\n')];
  const { result } = await deliverTo(t, script, { timeouts: { commandMs: 100, dataMs: 100 } });
  assert.equal(result.outcome, 'not_taken');
});

test('a 250 that comes before the dot is out of step: no dot, not taken', async (t) => {
  const { port, connections } = await peer(t, [
    ...hello(),
    ...transaction,
    hearUntil('hello\r\n'),
    say('250 2.0.0 queued\r\n'),
  ]);
  let socket: Socket | null = null;
  const dial = (host: string, to: number): Socket => {
    socket = connect({ host, port: to });
    return socket;
  };
  const beforeDot = async (): Promise<boolean> => {
    await once(socket!, 'data');
    return true;
  };
  const result = await transportTo(t, port, { connect: dial }).deliver(delivery({ beforeDot }));
  await connections[0]!.gone;
  assert.equal(result.outcome, 'not_taken');
  assert.ok(connections[0]!.octets().endsWith('hello\r\n'));
});

test('replies said in advance, in one write with the 354, are out of step: no dot, not taken', async (t) => {
  const script = [
    ...hello(),
    hear(/^MAIL /),
    hear(/^RCPT /),
    hear(/^DATA$/),
    say('250 ok\r\n250 ok\r\n354 go\r\n250 2.0.0 queued\r\n'),
  ];
  const look = counting(true);
  const { result, octets } = await deliverTo(t, script, {}, { beforeDot: look.beforeDot });
  assert.equal(result.outcome, 'not_taken');
  assert.equal('stage' in result && result.stage, 'body');
  assert.ok(!octets.includes('\r\n.\r\n'));
});

test('a second reply to EHLO is out of step', async (t) => {
  const { result } = await deliverTo(t, [...hello(), say('250 ok\r\n')].toSpliced(2, 1, say('250 peer\r\n250 ok\r\n')));
  assert.equal(result.outcome, 'not_taken');
});

for (const [code, outcome] of [
  [421, 'deferred'],
  [452, 'deferred'],
  [552, 'refused'],
] as const) {
  test(`${code} in the middle of the body is ${outcome}, without the dot`, async (t) => {
    const look = counting(true);
    const script = [...hello(['PIPELINING']), ...transaction, hearUntil('yyyy'), say(`${code} enough\r\n`)];
    const { result, octets } = await deliverTo(t, script, {}, { content: large(), beforeDot: look.beforeDot });
    assert.deepEqual(result, { outcome, stage: 'body', reply: { code, enhanced: null, text: 'enough' } });
    assert.ok(!octets.includes('\r\n.\r\n'));
    assert.equal(look.calls(), 0);
  });
}

test('a peer that stops reading the body is not taken, and the look before the dot is not made', async (t) => {
  const look = counting(true);
  const { port } = await peer(t, [...hello(['PIPELINING']), ...transaction, deafen]);
  const transport = transportTo(t, port, { timeouts: { blockMs: 100 } });
  const result = await transport.deliver(delivery({ content: large(), beforeDot: look.beforeDot }));
  assert.equal(result.outcome, 'not_taken');
  assert.equal('stage' in result && result.stage, 'body');
  assert.equal(look.calls(), 0);
});

test('a look before the dot that says no leaves the message without its dot', async (t) => {
  const look = counting(false);
  const { result, octets } = await deliverTo(t, toTheDot, {}, { beforeDot: look.beforeDot });
  assert.deepEqual(result, { outcome: 'stopped' });
  assert.equal(look.calls(), 1);
  assert.ok(octets.endsWith('hello\r\n'));
});

test('a look before the dot that fails is thrown on, and the message has no dot', async (t) => {
  const { port, connections } = await peer(t, toTheDot);
  const beforeDot = async (): Promise<boolean> => {
    throw new Error('disk gone');
  };
  await assert.rejects(transportTo(t, port).deliver(delivery({ beforeDot })), /disk gone/);
  await connections[0]!.gone;
  assert.ok(connections[0]!.octets().endsWith('hello\r\n'));
});

test('a link that breaks during the look before the dot is not taken', async (t) => {
  let broke = (): void => {};
  const broken = new Promise<void>((resolve) => {
    broke = resolve;
  });
  const { port, connections } = await peer(t, [...hello(), ...transaction, hearUntil('hello\r\n'), reset]);
  const transport = transportTo(t, port, {
    connect: (host, to) => connect({ host, port: to }).on('close', () => broke()),
  });
  const beforeDot = async (): Promise<boolean> => {
    await broken;
    return true;
  };
  const result = await transport.deliver(delivery({ beforeDot }));
  assert.equal(result.outcome, 'not_taken');
  assert.equal('stage' in result && result.stage, 'body');
  assert.ok(connections[0]!.octets().endsWith('hello\r\n'));
});

const required = { requireTls: true, tls: { ca: pem('localhost-cert') } };

test('TLS required and not offered: nothing but EHLO is said', async (t) => {
  const { result, octets } = await deliverTo(t, hello(), required);
  assert.equal(result.outcome, 'not_taken');
  assert.equal('stage' in result && result.stage, 'tls');
  assert.equal(octets, 'EHLO gateway.example\r\n');
});

test('TLS required and STARTTLS refused: nothing follows', async (t) => {
  const script = [...hello(['STARTTLS']), hear(/^STARTTLS$/), say('454 4.7.0 not now\r\n')];
  const { result, octets } = await deliverTo(t, script, required);
  assert.deepEqual(result, {
    outcome: 'not_taken',
    stage: 'tls',
    reply: { code: 454, enhanced: '4.7.0', text: 'not now' },
  });
  assert.equal(octets, 'EHLO gateway.example\r\nSTARTTLS\r\n');
});

const startTls = (name: string): Step[] => [
  ...hello(['STARTTLS', 'AUTH PLAIN']),
  hear(/^STARTTLS$/),
  say('220 go\r\n'),
  upgrade(pem(`${name}-cert`), pem(`${name}-key`)),
];
const secureRest = [...hello(['PIPELINING']).slice(1), ...transaction, hearBody, say('250 ok\r\n')];

for (const [name, options] of [
  ['self-signed', { requireTls: true }],
  ['for another name', { requireTls: true, tls: { ca: pem('elsewhere-cert') } }],
] as const) {
  test(`TLS required and a certificate ${name}: nothing is sent`, async (t) => {
    const certificate = name === 'self-signed' ? 'localhost' : 'elsewhere';
    const { result, octets } = await deliverTo(t, startTls(certificate), { ...options, user: 'u', pass: 'secret' });
    assert.equal(result.outcome, 'not_taken');
    assert.equal('stage' in result && result.stage, 'tls');
    assert.ok(!octets.includes('AUTH') && !octets.includes('MAIL'));
  });
}

test('TLS required and a verified certificate: the message goes', async (t) => {
  const { result } = await deliverTo(t, [...startTls('localhost'), ...secureRest], required);
  assert.equal(result.outcome, 'taken');
});

test('opportunistic TLS takes any certificate', async (t) => {
  const { result } = await deliverTo(t, [...startTls('elsewhere'), ...secureRest]);
  assert.equal(result.outcome, 'taken');
});

test('opportunistic TLS goes on in plain text when STARTTLS is refused', async (t) => {
  const script = [
    ...hello(['STARTTLS']),
    hear(/^STARTTLS$/),
    say('454 not now\r\n'),
    hear(/^MAIL /),
    say('550 no\r\n'),
  ];
  const { result } = await deliverTo(t, script);
  assert.equal('stage' in result && result.stage, 'mail');
});

test('opportunistic TLS tries once more in plain text when the handshake fails', async (t) => {
  const broken = [...hello(['STARTTLS']), hear(/^STARTTLS$/), say('220 go\r\n'), say('this is no TLS\r\n')];
  const sound = [...hello(['STARTTLS', 'PIPELINING']), ...transaction, hearBody, say('250 ok\r\n')];
  const { port } = await peer(t, broken, sound);
  const result = await transportTo(t, port).deliver(delivery());
  assert.equal(result.outcome, 'taken');
});

test('a password is never sent in plain text because a handshake failed', async (t) => {
  const broken = [
    ...hello(['STARTTLS', 'AUTH PLAIN']),
    hear(/^STARTTLS$/),
    say('220 go\r\n'),
    say('this is no TLS\r\n'),
  ];
  const { port, connections } = await peer(t, broken);
  const result = await transportTo(t, port, { user: 'u', pass: 'secret' }).deliver(delivery());
  assert.equal('stage' in result && result.stage, 'tls');
  assert.equal(connections.length, 1);
});

test('replies and offers injected in plain text behind STARTTLS are forgotten', async (t) => {
  const injected = '220 go\r\n250-injected\r\n250-SMTPUTF8\r\n250 AUTH PLAIN\r\n235 welcome\r\n250 ok\r\n250 half';
  const script = [
    ...hello(['STARTTLS', 'SMTPUTF8', 'PIPELINING']),
    hear(/^STARTTLS$/),
    say(injected),
    upgrade(pem('localhost-cert'), pem('localhost-key')),
    hear(/^EHLO gateway\.example$/),
    say('250-peer\r\n250 8BITMIME\r\n'),
    hear(/^MAIL FROM:<a@sender\.example>$/),
    say('250 ok\r\n'),
    hear(/^RCPT /),
    say('250 ok\r\n'),
    hear(/^DATA$/),
    say('354 go\r\n'),
    hearBody,
    say('250 ok\r\n'),
  ];
  const { result } = await deliverTo(t, script, required);
  assert.equal(result.outcome, 'taken');
});
