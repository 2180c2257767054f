/** The SMTP client against npm smtp-server, an implementation that others wrote. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { CONTENT, delivery, pem, transportTo } from '../harness/deliver.ts';

type Taken = { from: string; to: string[]; bodyType: string; isSecure: boolean; user: string; content: Buffer };

async function server(t: TestContext, options: SMTPServerOptions): Promise<{ port: number; taken: Taken[] }> {
  const taken: Taken[] = [];
  const smtpServer = new SMTPServer({
    key: pem('localhost-key'),
    cert: pem('localhost-cert'),
    authOptional: true,
    disableReverseLookup: true,
    logger: false,
    // Hooks run in the order of registration: the server's end comes before the transport's.
    closeTimeout: 1,
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        const from = mailFrom ? mailFrom.address : '';
        const { bodyType = '' } = session.envelope as { bodyType?: string };
        const to = rcptTo.map((recipient) => recipient.address);
        const user = String(session.user ?? '');
        taken.push({ from, to, bodyType, isSecure: session.secure, user, content: Buffer.concat(chunks) });
        callback(null);
      });
    },
    ...options,
  });
  smtpServer.on('error', () => {});
  await new Promise<void>((resolve) => smtpServer.listen(0, '127.0.0.1', () => resolve()));
  t.after(() => new Promise<void>((resolve) => smtpServer.close(() => resolve())));
  const address = smtpServer.server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port, taken };
}

const auth: SMTPServerOptions = {
  authOptional: false,
  allowInsecureAuth: true,
  onAuth(given, _session, callback) {
    if (given.username === 'ü@x.example' && given.password === 'pä:ss') callback(null, { user: given.username });
    else callback(new Error('wrong password'));
  },
};
const credentials = { user: 'ü@x.example', pass: 'pä:ss' };
const trusted = { tls: { ca: pem('localhost-cert') } };

test('plain text: envelope and content arrive as given', async (t) => {
  const { port, taken } = await server(t, { disabledCommands: ['STARTTLS', 'AUTH'] });
  const result = await transportTo(t, port).deliver(delivery());
  assert.equal(result.outcome, 'taken');
  assert.equal(taken.length, 1);
  assert.deepEqual(taken[0]!.to, ['b@rcpt.example']);
  assert.equal(taken[0]!.from, 'a@sender.example');
  assert.equal(taken[0]!.content.toString(), CONTENT);
  assert.equal(taken[0]!.isSecure, false);
});

test('the null sender arrives as the null sender', async (t) => {
  const { port, taken } = await server(t, { disabledCommands: ['STARTTLS', 'AUTH'] });
  await transportTo(t, port).deliver(delivery({ from: '' }));
  assert.equal(taken[0]!.from, '');
});

test('STARTTLS is used where it is offered', async (t) => {
  const { port, taken } = await server(t, {});
  const result = await transportTo(t, port).deliver(delivery());
  assert.equal(result.outcome, 'taken');
  assert.equal(taken[0]!.isSecure, true);
});

test('required STARTTLS works with a certificate that verifies', async (t) => {
  const { port, taken } = await server(t, {});
  const result = await transportTo(t, port, { requireTls: true, ...trusted }).deliver(delivery());
  assert.equal(result.outcome, 'taken');
  assert.equal(taken[0]!.isSecure, true);
});

test('implicit TLS works with a certificate that verifies', async (t) => {
  const { port, taken } = await server(t, { secure: true });
  const result = await transportTo(t, port, { secure: true, ...trusted }).deliver(delivery());
  assert.equal(result.outcome, 'taken');
  assert.equal(taken[0]!.isSecure, true);
});

test('implicit TLS with a certificate that does not verify sends nothing', async (t) => {
  const { port, taken } = await server(t, { secure: true });
  const result = await transportTo(t, port, { secure: true }).deliver(delivery());
  assert.equal(result.outcome, 'not_taken');
  assert.equal('stage' in result && result.stage, 'tls');
  assert.equal(taken.length, 0);
});

for (const method of ['PLAIN', 'LOGIN']) {
  test(`AUTH ${method} carries user and password in UTF-8`, async (t) => {
    const { port, taken } = await server(t, { ...auth, authMethods: [method] });
    const result = await transportTo(t, port, credentials).deliver(delivery());
    assert.equal(result.outcome, 'taken');
    assert.equal(taken[0]!.user, 'ü@x.example');
  });
}

test('AUTH XOAUTH2 carries an access token, and a refused one is not taken', async (t) => {
  const { port, taken } = await server(t, {
    authOptional: false,
    allowInsecureAuth: true,
    authMethods: ['XOAUTH2'],
    onAuth(given, _session, callback) {
      if (given.username === 'bob@x.example' && given.accessToken === 'ya29.token')
        callback(null, { user: given.username });
      else callback(null, { data: { status: '400', schemes: 'bearer' } });
    },
  });
  const given = { user: 'bob@x.example', pass: 'ya29.token', auth: 'xoauth2' } as const;
  assert.equal((await transportTo(t, port, given).deliver(delivery())).outcome, 'taken');
  assert.equal(taken[0]!.user, 'bob@x.example');
  const result = await transportTo(t, port, { ...given, pass: 'expired' }).deliver(delivery());
  assert.deepEqual('stage' in result && [result.outcome, result.stage, result.reply.code], ['not_taken', 'auth', 535]);
  assert.equal(JSON.stringify(result).includes('expired'), false);
});

test('only the mechanism that was asked for is used', async (t) => {
  const { port } = await server(t, { ...auth, authMethods: ['PLAIN'] });
  const result = await transportTo(t, port, { ...credentials, auth: 'login' }).deliver(delivery());
  assert.match('reply' in result ? result.reply.text : '', /does not offer AUTH LOGIN, but PLAIN/);
});

test('a wrong password is not taken, at the stage auth', async (t) => {
  const { port } = await server(t, auth);
  const result = await transportTo(t, port, { ...credentials, pass: 'other' }).deliver(delivery());
  assert.equal(result.outcome, 'not_taken');
  assert.equal('stage' in result && result.stage, 'auth');
  assert.equal('reply' in result && result.reply.code, 535);
});

test('a password and no AUTH offered is not taken', async (t) => {
  const { port } = await server(t, { disabledCommands: ['AUTH'] });
  const result = await transportTo(t, port, credentials).deliver(delivery());
  assert.equal('stage' in result && result.stage, 'auth');
});

test('a password for another host makes TLS required unless the options say otherwise', async (t) => {
  const { port } = await server(t, { ...auth, disabledCommands: ['STARTTLS'] });
  const { connect } = await import('node:net');
  const options = { ...credentials, host: 'mail.example', connect: () => connect(port, '127.0.0.1') };
  const careful = await transportTo(t, port, options).deliver(delivery());
  assert.equal('stage' in careful && careful.stage, 'tls');
  const careless = await transportTo(t, port, { ...options, opportunisticTls: false }).deliver(delivery());
  assert.equal(careless.outcome, 'taken');
});

test('a message beyond the SIZE offered is refused before MAIL', async (t) => {
  const { port, taken } = await server(t, { size: 1000 });
  const content = Buffer.from(`${CONTENT}${'x'.repeat(76)}\r\n`.repeat(20));
  const result = await transportTo(t, port).deliver(delivery({ content }));
  assert.equal(result.outcome, 'refused');
  assert.deepEqual('reply' in result && [result.reply.code, result.reply.enhanced], [null, '5.3.4']);
  assert.equal(taken.length, 0);
});

test('leading dots, long lines, 8-bit octets and trailing blank lines arrive byte for byte', async (t) => {
  const { port, taken } = await server(t, {});
  const transport = transportTo(t, port, { maxConnections: 2 });
  const bodies = [
    '.\r\n',
    '..\r\n.\r\n\r\n.x\r\n',
    '\r\n.\r\n.\r\n\r\n\r\n',
    `${'long '.repeat(400)}\r\n.${'y'.repeat(70_000)}\r\n.\r\n`,
    `${'.\r\n'.repeat(40_000)}`,
    'caf\u00e9 \u20ac\r\n',
  ];
  for (const body of bodies) {
    const content = Buffer.from(`Subject: x\r\n\r\n${body}`);
    assert.equal((await transport.deliver(delivery({ content }))).outcome, 'taken');
    assert.ok(taken.at(-1)!.content.equals(content), `differs: ${body.slice(0, 40)}`);
  }
});

test('8-bit content is announced, and refused with 5.6.3 where 8BITMIME is not offered', async (t) => {
  const content = Buffer.from('Subject: x\r\n\r\ncafé\r\n');
  const modern = await server(t, {});
  await transportTo(t, modern.port).deliver(delivery({ content }));
  assert.equal(modern.taken[0]!.bodyType, '8bitmime');
  const old = await server(t, { hide8BITMIME: true, hideSMTPUTF8: true });
  const result = await transportTo(t, old.port).deliver(delivery({ content }));
  assert.equal(result.outcome, 'refused');
  assert.equal('reply' in result && result.reply.enhanced, '5.6.3');
});

for (const [name, change] of [
  ['recipient', { to: 'käthe@rcpt.example' }],
  ['sender', { from: 'käthe@sender.example' }],
  ['header', { content: Buffer.from('Subject: käthe\r\n\r\nx\r\n') }],
] as const) {
  test(`a UTF-8 ${name} goes with SMTPUTF8, and is refused with 5.6.7 before DATA without it`, async (t) => {
    const modern = await server(t, {});
    assert.equal((await transportTo(t, modern.port).deliver(delivery(change))).outcome, 'taken');
    const old = await server(t, { hideSMTPUTF8: true });
    const result = await transportTo(t, old.port).deliver(delivery(change));
    assert.equal(result.outcome, 'refused');
    assert.equal('reply' in result && result.reply.enhanced, '5.6.7');
    assert.equal(old.taken.length, 0);
  });
}

test('a domain in letters of its own is named by its A-labels, so that it needs no SMTPUTF8', async (t) => {
  const { port, taken } = await server(t, { hideSMTPUTF8: true });
  const result = await transportTo(t, port).deliver(delivery({ to: 'bob@bücher.example' }));
  assert.equal(result.outcome, 'taken');
  // The server reads A-labels back.
  assert.deepEqual(taken[0]!.to, ['bob@bücher.example']);
});

test('a refused recipient does not spoil the connection for the next', async (t) => {
  const { port, taken } = await server(t, {
    onRcptTo(address, _session, callback) {
      callback(address.address.startsWith('no') ? new Error('no such user') : null);
    },
  });
  const transport = transportTo(t, port, { maxConnections: 1 });
  const results = await Promise.all(
    ['b@x.example', 'no@x.example', 'c@x.example', 'no2@x.example', 'd@x.example'].map((to) =>
      transport.deliver(delivery({ to })),
    ),
  );
  assert.deepEqual(
    results.map((result) => result.outcome),
    ['taken', 'refused', 'taken', 'refused', 'taken'],
  );
  assert.deepEqual(
    taken.map((message) => message.to[0]),
    ['b@x.example', 'c@x.example', 'd@x.example'],
  );
});
