/** The SMTP client against Postfix. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, describe, type TestContext, test } from 'node:test';
import type { SmtpOptions } from '../../src/relay/smtp/settings.ts';
import { delivery, pem, transportTo } from '../harness/deliver.ts';
import { postfixLacks } from '../harness/own-postfix.ts';
import { startTestPostfix, type TestPostfix } from '../harness/postfix.ts';
import { until } from '../harness/until.ts';

const USERS = { 'bob@postfix.test': 'geheim:ä', 'carl@postfix.test': 'other' };
const started: TestPostfix | string =
  postfixLacks() ?? (await startTestPostfix(USERS).catch((fault: Error) => `Postfix did not start: ${fault.message}`));

describe('the client against Postfix', { skip: typeof started === 'string' ? started : false }, () => {
  const postfix = started as TestPostfix;
  after(() => postfix.stop());

  /** Under the name that the certificate is for. */
  const named = (t: TestContext, port: number, options: Partial<SmtpOptions> = {}) =>
    transportTo(t, port, {
      host: 'mx.mail.test',
      connect: () => connect(port, '127.0.0.1'),
      tls: { ca: pem('authority-cert') },
      ...options,
    });
  const mail = (body: string, to = 'bob@postfix.test') =>
    delivery({ to, content: Buffer.from(`From: a@sender.example\r\nTo: ${to}\r\nSubject: x\r\n\r\n${body}\r\n`) });
  const arrives = (text: string) => until(() => postfix.delivered().includes(text), 20_000, `"${text}" is delivered`);

  test('takes a message in plain text, byte for byte, leading dots and long lines included', async (t) => {
    const body = `plain-one\r\n.\r\n..two dots\r\n${'x'.repeat(900)}\r\n.last`;
    const result = await transportTo(t, postfix.ports.plain).deliver(mail(body));
    assert.equal(result.outcome, 'taken', JSON.stringify(result));
    assert.match('reply' in result ? result.reply.text : '', /queued as/);
    await arrives('plain-one');
    assert.ok(postfix.delivered().includes(body.replaceAll('\r\n', '\n')));
  });

  test('keeps one connection for many, with one result each', async (t) => {
    const transport = transportTo(t, postfix.ports.plain, { maxConnections: 1 });
    const results = await Promise.all(
      ['bob@postfix.test', 'nobody@postfix.test', 'bob@postfix.test', 'x@elsewhere.example', 'bob@postfix.test'].map(
        (to) => transport.deliver(mail('many', to)),
      ),
    );
    assert.deepEqual(
      results.map((result) => [result.outcome, 'reply' in result ? result.reply.code : null]),
      [
        ['taken', 250],
        ['refused', 550],
        ['taken', 250],
        ['refused', 554],
        ['taken', 250],
      ],
    );
    const [, unknown] = results;
    assert.equal('reply' in unknown! ? unknown.reply.enhanced : null, '5.1.1');
  });

  test('speaks STARTTLS where it is offered, and requires a certificate that proves the host', async (t) => {
    const required = { requireTls: true };
    assert.equal((await named(t, postfix.ports.tls, required).deliver(mail('starttls'))).outcome, 'taken');
    await arrives('starttls');
    const elsewhere = await named(t, postfix.ports.tls, { ...required, host: 'mx.other.test' }).deliver(mail('wrong'));
    assert.deepEqual('stage' in elsewhere && [elsewhere.outcome, elsewhere.stage], ['not_taken', 'tls']);
    assert.match('reply' in elsewhere ? elsewhere.reply.text : '', /for other names than mx\.other\.test/);
    const unknown = await named(t, postfix.ports.tls, { ...required, tls: {} }).deliver(mail('wrong'));
    assert.match('reply' in unknown ? unknown.reply.text : '', /authority|cannot be verified/);
    const none = await named(t, postfix.ports.plain, required).deliver(mail('wrong'));
    assert.equal('stage' in none && none.stage, 'tls');
    assert.equal(postfix.delivered().includes('wrong'), false);
  });

  test('speaks TLS from the first octet, and says so where the port does not', async (t) => {
    assert.equal((await named(t, postfix.ports.implicit, { secure: true }).deliver(mail('implicit'))).outcome, 'taken');
    await arrives('implicit');
    const result = await named(t, postfix.ports.plain, { secure: true }).deliver(mail('wrong'));
    assert.deepEqual('stage' in result && [result.outcome, result.stage], ['not_taken', 'tls']);
    assert.match('reply' in result ? result.reply.text : '', /does not speak TLS at this port/);
  });

  for (const auth of ['plain', 'login'] as const) {
    test(`signs in with AUTH ${auth.toUpperCase()} under TLS`, async (t) => {
      const credentials = { user: 'bob@postfix.test', pass: 'geheim:ä', auth };
      const good = await named(t, postfix.ports.auth, credentials).deliver(mail(`auth-${auth}`));
      assert.equal(good.outcome, 'taken', JSON.stringify(good));
      await arrives(`auth-${auth}`);
      const bad = await named(t, postfix.ports.auth, { ...credentials, pass: 'wrong' }).deliver(mail('wrong'));
      assert.deepEqual('stage' in bad && [bad.outcome, bad.stage, bad.reply.code, bad.reply.enhanced], [
        'not_taken',
        'auth',
        535,
        '5.7.8',
      ]);
    });
  }

  test('does not send a token where XOAUTH2 is not offered', async (t) => {
    const credentials = { user: 'bob@postfix.test', pass: 'token', auth: 'xoauth2' as const };
    const result = await named(t, postfix.ports.auth, credentials).deliver(mail('wrong'));
    assert.match('reply' in result ? result.reply.text : '', /does not offer AUTH XOAUTH2, but PLAIN, LOGIN/);
  });

  test('addresses beyond ASCII go with SMTPUTF8', async (t) => {
    const result = await transportTo(t, postfix.ports.plain).deliver(mail('utf8', 'käthe@postfix.test'));
    assert.equal(result.outcome, 'taken', JSON.stringify(result));
    await arrives('utf8');
  });

  test('a message beyond what it takes is refused before it is sent', async (t) => {
    const result = await transportTo(t, postfix.ports.plain).deliver(mail(`${'x'.repeat(70)}\r\n`.repeat(5000)));
    assert.deepEqual('stage' in result && [result.outcome, result.stage, result.reply.enhanced], [
      'refused',
      'mail',
      '5.3.4',
    ]);
  });
});
