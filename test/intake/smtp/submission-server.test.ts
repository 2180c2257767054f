import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { makeSelfSigned } from '../../../src/base/self-signed.ts';
import { isBroken } from '../../../src/base/smtp-sessions.ts';
import { type Store, StoreFault } from '../../../src/data/store.ts';
import { Authenticator } from '../../../src/http/authenticate.ts';
import type { Caller } from '../../../src/http/caller.ts';
import { type SubmissionParts, startSubmission } from '../../../src/intake/smtp/submission-server.ts';
import { smtpTalk, type Talk, trickle } from '../../harness/smtp-talk.ts';

const TLS = makeSelfSigned('gateway.example', Date.now());
const LOGIN = `AUTH PLAIN ${Buffer.from('\0postern\0right').toString('base64')}`;
const MAIL = 'From: a@acme.example\r\nSubject: x\r\n\r\nhello';
const PRINCIPAL = { tenantNo: 1, tenantId: 'ten_1', mode: 'test', installationNo: 1, keyNo: 1 };
const CALLER = { scopes: new Set(['send']), operator: false, principal: PRINCIPAL, agent: null, identities: [] };

type Submitted = { body: Record<string, unknown>; idempotencyKey: string | null; wholeOnly?: boolean };
type Behaviour = Partial<SubmissionParts> & {
  check?: (to: string[]) => Promise<unknown>;
  submit?: (input: Submitted) => Promise<unknown>;
  holds?: () => boolean;
};

/** A server before a store that takes everything, unless it is told otherwise. */
async function server(t: TestContext, { check, submit, holds, ...parts }: Behaviour = {}) {
  const submitted: Submitted[] = [];
  const passed = { outcome: 'answer', answer: { outcome: 'checked', recipients: [{ reasons: [] }] } };
  const door = {
    problems: { textsIn: () => ({ docsBase: 'http://x/docs/reasons/', locale: 'en' }) },
    store: { identity: async () => null },
    intake: {
      check: ({ body }: Submitted) => (check === undefined ? Promise.resolve(passed) : check(body['to'] as string[])),
      submit: (input: Submitted) => {
        submitted.push(input);
        const taken = { outcome: 'answer', answer: { outcome: 'admitted', messageId: 'msg_1' } };
        return submit === undefined ? Promise.resolve(taken) : submit(input);
      },
    },
  } as unknown as SubmissionParts['door'];
  const authenticate = ({ authorization }: { authorization: string }) =>
    authorization === 'Bearer right' && (holds?.() ?? true)
      ? { ok: true, caller: CALLER }
      : { ok: false, cause: 'key' };
  const started = await startSubmission({
    ...{ host: '127.0.0.1', port: 0, name: 'gateway.example', tls: TLS, door, lookEveryMs: 20 },
    authenticator: { authenticate } as unknown as SubmissionParts['authenticator'],
    rates: { take: () => ({ refusal: null, limits: [] }) },
    isOwnId: (id) => id.includes('@gateway.example'),
    log: { error: () => undefined },
    ...parts,
  });
  t.after(() => started.close());
  return { port: started.port, submitted, started };
}

async function loggedIn(port: number, from?: string): Promise<Talk> {
  const talk = await smtpTalk(port, from);
  assert.match(await talk.say('EHLO a.example'), /^250/);
  assert.match(await talk.say(LOGIN), /^235 2\.7\.0/);
  return talk;
}

async function toData(port: number): Promise<Talk> {
  const talk = await loggedIn(port);
  for (const line of ['MAIL FROM:<a@acme.example>', 'RCPT TO:<b@one.example>'])
    assert.match(await talk.say(line), /^250/);
  assert.match(await talk.say('DATA'), /^354/);
  return talk;
}

async function deliver(port: number, data: string | Uint8Array): Promise<string> {
  const talk = await toData(port);
  talk.write(data);
  talk.write('\r\n.\r\n');
  const reply = await talk.reply();
  talk.socket.destroy();
  return reply;
}

test('it offers what it does, and no login in the clear but to this machine', async (t) => {
  const near = await server(t);
  const talk = await smtpTalk(near.port);
  const offered = await talk.say('EHLO a.example');
  const wanted = [
    'PIPELINING',
    '8BITMIME',
    'SMTPUTF8',
    'ENHANCEDSTATUSCODES',
    'AUTH PLAIN LOGIN',
    'STARTTLS',
    'SIZE 26214400',
  ];
  for (const feature of wanted) assert.match(offered, new RegExp(`^250[- ]${feature}\\r?$`, 'm'));
  assert.doesNotMatch(offered, /CHUNKING|XCLIENT|DSN/);
  talk.socket.destroy();
  const far = await server(t, { isNear: () => false });
  const plain = await smtpTalk(far.port);
  assert.doesNotMatch(await plain.say('EHLO a.example'), /AUTH/);
  // Not even a user's name is asked for.
  for (const line of [LOGIN, 'AUTH LOGIN', 'AUTH PLAIN']) {
    assert.match(await plain.say(line), /^530 5\.7\.0 Issue STARTTLS first/);
  }
  assert.match(await plain.say('MAIL FROM:<a@acme.example>'), /^530 5\.7\.0/);
  assert.match(await plain.say('STARTTLS'), /^220/);
  plain.socket.removeAllListeners('data');
  const secure = connect({ socket: plain.socket, ca: TLS.certificate, servername: 'gateway.example' });
  await once(secure, 'secureConnect');
  let said = '';
  secure.on('data', (chunk) => {
    said += String(chunk);
  });
  const heard = async (text: RegExp): Promise<void> => {
    while (!text.test(said)) await once(secure, 'data');
  };
  secure.write('EHLO a.example\r\n');
  await heard(/AUTH PLAIN LOGIN/);
  secure.write(`${LOGIN}\r\n`);
  await heard(/^235/m);
  secure.destroy();
});

test('what was sent in the clear behind STARTTLS is dropped, a login before it too', async (t) => {
  const { port, submitted } = await server(t);
  const talk = await loggedIn(port);
  talk.write('STARTTLS\r\nEHLO injected.example\r\nMAIL FROM:<injected@evil.example>\r\n');
  assert.match(await talk.reply(), /^220/);
  talk.socket.removeAllListeners('data');
  const secure = connect({ socket: talk.socket, ca: TLS.certificate, servername: 'gateway.example' });
  await once(secure, 'secureConnect');
  secure.write('EHLO b.example\r\nMAIL FROM:<a@acme.example>\r\n');
  let said = '';
  while (!/^530/m.test(said)) said += String((await once(secure, 'data'))[0]);
  assert.doesNotMatch(said, /^250 2\.1\.0/m);
  secure.destroy();
  assert.equal(submitted.length, 0);
});

test('without a login nothing is taken', async (t) => {
  const { port } = await server(t);
  const talk = await smtpTalk(port);
  await talk.say('EHLO a.example');
  assert.match(await talk.say('MAIL FROM:<a@acme.example>'), /^530 5\.7\.0 /);
  assert.match(await talk.say('RCPT TO:<b@one.example>'), /^530 5\.7\.0 /);
  assert.match(await talk.say('DATA'), /^530 5\.7\.0 /);
  talk.end();
});

test('an address that is wrong too often is sent away, and who has a right key is not', async (t) => {
  const store = { keyByPrefix: async () => null } as unknown as Store;
  const strict = new Authenticator(store, 'pst_op_unknown');
  const authenticate: Authenticator['authenticate'] = (input) =>
    input.authorization === 'Bearer right'
      ? { ok: true, caller: CALLER as unknown as Caller }
      : strict.authenticate(input);
  const { port } = await server(t, { authenticator: { authenticate } });
  const wrong = `AUTH PLAIN ${Buffer.from('\0postern\0wrong').toString('base64')}`;
  const replies: string[] = [];
  for (let i = 0; i < 21; i++) {
    const talk = await smtpTalk(port);
    await talk.say('EHLO a.example');
    replies.push(await talk.say(wrong));
    talk.socket.destroy();
  }
  assert.ok(replies.slice(0, 20).every((reply) => reply === '535 5.7.8 The user or the key is wrong'));
  assert.match(replies[20]!, /^421 4\.7\.0 /);
  (await loggedIn(port)).end();
});

test('a key that does not hold any more ends the session at the next mail, and after the data', async (t) => {
  let holds = true;
  const { port, submitted } = await server(t, { holds: () => holds });
  const idle = await loggedIn(port);
  const busy = await toData(port);
  holds = false;
  assert.match(await idle.say('MAIL FROM:<a@acme.example>'), /^530 5\.7\.0 /);
  busy.write(`${MAIL}\r\n.\r\n`);
  assert.match(await busy.reply(), /^530 5\.7\.0 /);
  assert.equal(submitted.length, 0);
});

test('limits on requests hold for mails too', async (t) => {
  const reason = { code: 'request_rate_exceeded', scope: null, clearsAt: Date.now() + 1000, evidence: {} } as const;
  const { port } = await server(t, { rates: { take: () => ({ refusal: reason, limits: [] }) } });
  const talk = await loggedIn(port);
  assert.match(await talk.say('MAIL FROM:<a@acme.example>'), /^451 4\.7\.1 request_rate_exceeded: /);
});

const vectors = readFileSync(new URL('../../fixtures/vectors/smtp-smuggling.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as { id: string; end_of_data_b64?: string; family: string; expect: string });

/** Those of the vectors, and every other mix of line ends around a dot. */
const ENDS = new Map(
  ['\r\n', '\n', '\r', '\r\r\n', '\n\r', '\0\r\n'].flatMap((before) =>
    ['\r\n', '\n', '\r', '\r\r\n', '\0\r\n'].map((after) => [
      `${before}.${after}`,
      `${JSON.stringify(before)} . ${JSON.stringify(after)}`,
    ]),
  ),
);
ENDS.delete('\r\n.\r\n');
for (const { id, family, end_of_data_b64: end } of vectors) {
  if (end !== undefined) ENDS.set(Buffer.from(end, 'base64').toString('latin1'), `${family} (${id})`);
}

test('no end of data but CRLF.CRLF is one: nothing is smuggled', async (t) => {
  const { port, submitted } = await server(t, { limits: { connectionsPerAddress: 200 } });
  for (const [end, name] of ENDS) {
    submitted.length = 0;
    const talk = await toData(port);
    talk.write(MAIL);
    talk.write(Buffer.from(end, 'latin1'));
    talk.write('MAIL FROM:<smuggled@evil.test>\r\nRCPT TO:<victim@one.example>\r\nDATA\r\nsmuggled\r\n.\r\n');
    const first = await talk.reply();
    if (isBroken(Buffer.from(`${MAIL}${end}M`, 'latin1'), null)) {
      assert.match(first, /^521 5\.5\.2 /, name);
      assert.equal(await talk.reply(), '', name);
      assert.equal(submitted.length, 0, name);
    } else {
      assert.match(first, /^250 2\.0\.0 /, name);
      assert.equal(submitted.length, 1, name);
      assert.match(String(submitted[0]!.body['text']), /smuggled@evil\.test/, name);
    }
    talk.socket.destroy();
  }
  assert.ok(ENDS.size >= 29);
});

test('a doubled dot is one dot, wherever the data is cut', async (t) => {
  const { port, submitted } = await server(t);
  const data = `${MAIL}\r\n..\r\n...two\r\nend\r\n.\r\n`;
  for (const cut of [MAIL.length + 2, MAIL.length + 3, MAIL.length + 4, MAIL.length + 5]) {
    const talk = await toData(port);
    talk.socket.setNoDelay(true);
    talk.write(data.slice(0, cut));
    await new Promise((resolve) => setImmediate(resolve));
    talk.write(data.slice(cut));
    assert.match(await talk.reply(), /^250/);
    assert.equal(submitted.at(-1)!.body['text'], 'hello\n.\n..two\nend\n');
    talk.socket.destroy();
  }
});

test('a command ends with CRLF alone, and one that does not is refused in the same session', async (t) => {
  const { port } = await server(t);
  const talk = await loggedIn(port);
  for (const line of [
    'MAIL FROM:<a@acme.example>\nRCPT TO:<b@one.example>',
    'MAIL FROM:<a@acme.example>\rRCPT TO:<b@one.example>',
    'NOOP\n',
    'MAIL FROM:<a@\racme.example>',
  ]) {
    assert.match(await talk.say(line), /^50[01] 5\.5\.[24] /, JSON.stringify(line));
  }
  assert.match(await talk.say('RCPT TO:<b@one.example>'), /^503/);
  assert.match(await talk.say('NOOP'), /^250/);
  // A bare LF that comes in a piece of its own is none either.
  talk.write('NOOP');
  talk.write('\n');
  assert.match(await talk.say('NOOP'), /^500 5\.5\.2 /);
});

test('BDAT is not taken, and what follows it is not read as commands', async (t) => {
  const { port, submitted } = await server(t);
  for (const size of ['10 LAST', '+10', '-1', '0x10', '9223372036854775808 LAST', '']) {
    const talk = await loggedIn(port);
    await talk.say('MAIL FROM:<a@acme.example>');
    await talk.say('RCPT TO:<b@one.example>');
    talk.write(`BDAT ${size}\r\nRSET\r\nMAIL FROM:<smuggled@evil.test>\r\n`);
    assert.match(await talk.reply(), /^503 5\.5\.1 /);
    assert.equal(await talk.reply(), '');
    await talk.closed;
  }
  assert.equal(submitted.length, 0);
});

test('a command without an end is cut at 4 kB with 500', async (t) => {
  const { port } = await server(t);
  const talk = await smtpTalk(port);
  talk.write('x'.repeat(1_000_000));
  assert.match(await talk.reply(), /^500 5\.5\.2 /);
  await talk.closed;
});

test('a recipient is refused by itself, before the content, and those before it count', async (t) => {
  const asked: string[][] = [];
  const blocked = { code: 'suppressed', scope: null, clearsAt: null, evidence: { reason: 'hard_bounce' } };
  const check = async (to: string[]) => {
    asked.push(to);
    const reasons = to.at(-1) === 'eve@one.example' ? [blocked] : [];
    return { outcome: 'answer', answer: { outcome: 'checked', recipients: to.map(() => ({ reasons })) } };
  };
  const { port } = await server(t, { check });
  const talk = await loggedIn(port);
  await talk.say('MAIL FROM:<a@acme.example>');
  assert.match(await talk.say('RCPT TO:<bob@one.example>'), /^250 2\.1\.5/);
  assert.match(
    await talk.say('RCPT TO:<eve@one.example>'),
    /^550 5\.7\.1 suppressed: .+; see http:\/\/x\/docs\/reasons\/suppressed$/,
  );
  assert.match(await talk.say('RCPT TO:<BOB@One.example>'), /^250/);
  assert.match(await talk.say('RCPT TO:<fay@one.example>'), /^250/);
  assert.deepEqual(asked, [
    ['bob@one.example'],
    ['bob@one.example', 'eve@one.example'],
    ['bob@one.example', 'fay@one.example'],
  ]);
});

test('an address is routed as it reads, and what is none is refused', async (t) => {
  const { port, submitted } = await server(t);
  const talk = await loggedIn(port);
  await talk.say('MAIL FROM:<>');
  for (const address of [
    'a@b@one.example',
    'a@[127.0.0.1]',
    'a@localhost',
    'bob',
    'a b@one.example',
    'a@one.example,b@two.example',
    'a@one.example>,<b@two.example',
    'bob@one..example',
  ]) {
    assert.match(await talk.say(`RCPT TO:<${address}>`), /^5\d\d 5\.\d+\.\d+ /, address);
  }
  assert.match(await talk.say('RCPT TO:<käthe@one.example>'), /^553 5\.6\.7 /);
  // A source route is passed over (RFC 5321 §4.1.1.3); a percent sign is a letter like others.
  assert.match(await talk.say('RCPT TO:<@relay.example,@other.example:bob@one.example>'), /^250/);
  assert.match(await talk.say('RCPT TO:<"a@evil.example"@one.example>'), /^250/);
  assert.match(await talk.say('RCPT TO:<carol%evil.example@one.example>'), /^250/);
  assert.match(await talk.say('RCPT TO:<dan@xn--bcher-kva.example>'), /^250/);
  assert.match(await talk.say('DATA'), /^354/);
  talk.write(`${MAIL}\r\n.\r\n`);
  assert.match(await talk.reply(), /^250/);
  assert.deepEqual(
    (submitted[0]!.body['bcc'] as { email: string }[]).map(({ email }) => email),
    ['bob@one.example', '"a@evil.example"@one.example', 'carol%evil.example@one.example', 'dan@xn--bcher-kva.example'],
  );
});

test('a parameter that would promise what is not done is refused', async (t) => {
  const { port } = await server(t);
  const talk = await loggedIn(port);
  for (const parameter of ['RET=HDRS', 'HOLDFOR=3600', 'REQUIRETLS', 'BY=60;R', 'MT-PRIORITY=3']) {
    assert.match(await talk.say(`MAIL FROM:<a@acme.example> ${parameter}`), /^5\d\d 5\.\d\.\d /, parameter);
  }
  assert.match(await talk.say('MAIL FROM:<a@acme.example> SIZE=100 BODY=8BITMIME SMTPUTF8 AUTH=<>'), /^250/);
  assert.match(await talk.say('RCPT TO:<b@one.example> NOTIFY=SUCCESS'), /^555 5\.5\.4 The parameter NOTIFY /);
  assert.match(await talk.say('RCPT TO:<b@one.example>'), /^250/);
  talk.end();
});

test('an address beyond ASCII is taken with SMTPUTF8', async (t) => {
  const { port } = await server(t);
  const talk = await loggedIn(port);
  await talk.say('MAIL FROM:<a@acme.example> SMTPUTF8');
  talk.write(Buffer.from('RCPT TO:<käthe@bücher.example>\r\n'));
  assert.match(await talk.reply(), /^250/);
  talk.write(Buffer.concat([Buffer.from('RCPT TO:<k'), Buffer.from([0xe4]), Buffer.from('the@one.example>\r\n')]));
  assert.match(await talk.reply(), /^550 5\.1\.3 invalid_recipient/);
});

test('a hundred recipients are taken, the next one waits for another mail', async (t) => {
  const { port } = await server(t);
  const talk = await loggedIn(port);
  await talk.say('MAIL FROM:<a@acme.example>');
  for (let i = 0; i < 100; i++) assert.match(await talk.say(`RCPT TO:<b${i}@one.example>`), /^250/);
  assert.match(await talk.say('RCPT TO:<c@one.example>'), /^452 4\.5\.3 /);
});

for (const [kind, reply] of [
  ['full', /^452 4\.3\.1 service_unavailable: /],
  ['unavailable', /^451 4\.3\.\d service_unavailable: /],
  ['clock', /^451 4\.3\.\d service_unavailable: /],
  ['paused', /^451 4\.3\.\d service_unavailable: /],
  ['undecided', /^451 4\.3\.0 policy_unavailable: /],
] as const) {
  test(`where the store is ${kind} the client keeps its mail`, async (t) => {
    const fail = async (): Promise<never> => {
      throw new StoreFault(kind, 'not now');
    };
    const late = await server(t, { submit: fail });
    assert.match(await deliver(late.port, MAIL), reply);
    const early = await server(t, { check: fail });
    const talk = await loggedIn(early.port);
    await talk.say('MAIL FROM:<a@acme.example>');
    assert.match(await talk.say('RCPT TO:<b@one.example>'), reply);
  });
}

test('a fault of ours and a disk that is full are no refusals', async (t) => {
  const broken = await server(t, { submit: () => Promise.reject(new Error('a bug')) });
  assert.match(await deliver(broken.port, MAIL), /^451 4\.3\.0 /);
  const full = await server(t, { submit: () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' })) });
  assert.match(await deliver(full.port, MAIL), /^452 4\.3\.1 /);
});

test('a mail that is too large is refused, before its data where its size is told', async (t) => {
  const { port, submitted } = await server(t, { limits: { bytes: 10_000 } });
  const talk = await loggedIn(port);
  assert.match(await talk.say('MAIL FROM:<a@acme.example> SIZE=10001'), /^552 5\.3\.4 /);
  talk.end();
  assert.match(await deliver(port, `${MAIL}\r\n${`${'x'.repeat(78)}\r\n`.repeat(150)}`), /^552 5\.3\.4 /);
  const endless = await toData(port);
  endless.write(`${'x'.repeat(70)}\r\n`.repeat(2000));
  assert.match(await endless.reply(), /^552 5\.3\.4 /);
  await endless.closed;
  assert.equal(submitted.length, 0);
});

test('mails in progress share a room: who finds none comes again', async (t) => {
  const { port } = await server(t);
  const megabyte = `${`${'x'.repeat(1022)}\r\n`.repeat(1024)}`;
  const open = await toData(port);
  open.write(MAIL);
  const most = megabyte.repeat(22);
  open.write(most);
  while (open.socket.writableLength > 0) await once(open.socket, 'drain');
  assert.match(await deliver(port, MAIL), /^250/);
  assert.match(await deliver(port, `${MAIL}\r\n${megabyte.repeat(12)}`), /^452 4\.3\.1 /);
  // Where the size is told there is an answer at once.
  const sized = await loggedIn(port);
  assert.match(await sized.say('MAIL FROM:<a@acme.example> SIZE=12000000'), /^452 4\.3\.1 /);
  assert.match(await sized.say('MAIL FROM:<a@acme.example> SIZE=1000'), /^250/);
  sized.end();
  open.socket.destroy();
  await open.closed;
});

test('of large mails that come together at least one is taken', async (t) => {
  const { port } = await server(t);
  const piece = `${'x'.repeat(1022)}\r\n`.repeat(1024);
  const talks = await Promise.all([toData(port), toData(port), toData(port)]);
  // Each by turns, so that none has its room before the others.
  for (let i = 0; i < 20; i += 1) {
    for (const talk of talks) {
      talk.write(i === 0 ? MAIL + piece : piece);
      if (talk.socket.writableNeedDrain) await once(talk.socket, 'drain');
    }
  }
  for (const talk of talks) talk.write('.\r\n');
  const replies = await Promise.all(talks.map((talk) => talk.reply()));
  assert.ok(
    replies.some((reply) => reply.startsWith('250')),
    String(replies),
  );
  assert.ok(replies.every((reply) => /^(250|452 4\.3\.1) /.test(reply)));
  for (const talk of talks) talk.end();
});

test('a mail that goes in circles is refused', async (t) => {
  const { port } = await server(t);
  assert.match(await deliver(port, 'Received: from a by b; now\r\n'.repeat(51) + MAIL), /^554 5\.4\.6 /);
  assert.match(await deliver(port, 'Received: from a by b; now\r\n'.repeat(50) + MAIL), /^250/);
  assert.match(await deliver(port, `Message-ID: <signed@gateway.example>\r\n${MAIL}`), /^554 5\.4\.6 /);
});

test('a mail has one sender', async (t) => {
  const { port, submitted } = await server(t);
  assert.match(await deliver(port, `From: b@evil.example\r\n${MAIL}`), /^550 5\.7\.1 /);
  assert.match(await deliver(port, 'From: a@acme.example, b@evil.example\r\nSubject: x\r\n\r\nx'), /^550 5\.7\.1 /);
  assert.equal(submitted.length, 0);
  const spoofed = 'Sender: b@evil.example\r\nResent-From: c@evil.example\r\nReturn-Path: <d@evil.example>\r\n';
  assert.match(await deliver(port, spoofed + MAIL), /^250/);
  assert.deepEqual(submitted[0]!.body['from'], { email: 'a@acme.example' });
  assert.deepEqual((submitted[0]!.body['headers'] as { pairs: unknown }).pairs, []);
});

test('a client that trickles is ended: between commands, in a command, in the data, before its login', async (t) => {
  const { port } = await server(t, { limits: { commandMs: 150, dataMs: 300, sessionMs: 5000 } });
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
  const short = await server(t, { limits: { sessionMs: 300 } });
  const busy = await smtpTalk(short.port);
  while ((await busy.say('NOOP')).startsWith('250'));
  await busy.closed;
});

test('an address that opens too many connections leaves room for the others', async (t) => {
  const { port } = await server(t, { limits: { connectionsPerAddress: 3, connections: 5 } });
  const open = await Promise.all([1, 2, 3].map(() => smtpTalk(port, '127.0.0.2')));
  assert.ok(open.every(({ greeting }) => greeting.startsWith('220')));
  assert.match((await smtpTalk(port, '127.0.0.2')).greeting, /^421 4\.7\.0 /);
  assert.match((await smtpTalk(port, '127.0.0.3')).greeting, /^220/);
  assert.match((await smtpTalk(port, '127.0.0.4')).greeting, /^220/);
  assert.match((await smtpTalk(port, '127.0.0.5')).greeting, /^421/);
});

test('commands may be pipelined, the data behind them too', async (t) => {
  const { port, submitted } = await server(t);
  const talk = await loggedIn(port);
  talk.write(`MAIL FROM:<a@acme.example>\r\nRCPT TO:<b@one.example>\r\nDATA\r\n${MAIL}\r\n.\r\nQUIT\r\n`);
  const replies = [await talk.reply(), await talk.reply(), await talk.reply(), await talk.reply(), await talk.reply()];
  assert.deepEqual(
    replies.map((reply) => reply.slice(0, 3)),
    ['250', '250', '354', '250', '221'],
  );
  assert.equal(submitted.length, 1);
});
