import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTransport } from 'nodemailer';
import { postfixLacks } from '../harness/own-postfix.ts';
import { startTestPostfix } from '../harness/postfix.ts';
import { startSmtpGateway } from '../harness/submission.ts';
import { until } from '../harness/until.ts';

const lacking = postfixLacks();

test('Postfix hands its mail on, and tells its user why a recipient is refused', {
  skip: lacking ?? false,
}, async (t) => {
  const gateway = await startSmtpGateway();
  t.after(() => gateway.stop());
  const postfix = await startTestPostfix({}, { port: gateway.smtpPort, user: 'postern', pass: gateway.testKey });
  t.after(() => postfix.stop());
  await gateway.fetchJson('POST', '/v1/suppressions', { email: 'eve@two.example', reason: 'complaint' });
  const transport = createTransport({ host: '127.0.0.1', port: postfix.ports.submit, ignoreTLS: true });
  await transport.sendMail({
    from: 'bob@postfix.test',
    to: 'carol@one.example, eve@two.example',
    subject: 'Handed on',
    text: 'Grüße\n.dots\n',
    html: `<p>${'long '.repeat(400)}</p>`,
  });
  transport.close();
  const [mail] = await gateway.captured('carol@one.example');
  assert.equal(mail.subject, 'Handed on');
  assert.match(mail.text, /^Grüße\r?\n\.dots\r?\n/);
  assert.match(await gateway.raw(mail.id), /^To: carol@one\.example, eve@two\.example\r$/m);
  const refused = /suppressed: .* see\s+http:\/\/127\.0\.0\.1:\d+\/docs\/reasons\/suppressed/s;
  await until(() => refused.test(postfix.log()), 20_000, 'the refusal in the log');
  assert.match(postfix.log(), /to=<eve@two\.example>.*dsn=5\.7\.1, status=bounced .*said: 550 5\.7\.1 suppressed: /);
  assert.match(postfix.log(), /to=<carol@one\.example>.*dsn=2\.0\.0, status=sent \(250 2\.0\.0 Accepted as msg_/);
  // The notification that Postfix writes to its own user holds the same words.
  await until(() => refused.test(postfix.delivered()), 20_000, 'the notification');
  assert.match(postfix.delivered(), /Diagnostic-Code: smtp; 550 5\.7\.1 suppressed: /);
});

test('of a hundred recipients each refused one is named with its reason, and the others get the mail once', {
  skip: lacking ?? false,
}, async (t) => {
  const gateway = await startSmtpGateway();
  t.after(() => gateway.stop());
  const postfix = await startTestPostfix({}, { port: gateway.smtpPort, user: 'postern', pass: gateway.testKey });
  t.after(() => postfix.stop());
  const people = Array.from({ length: 100 }, (_, i) => `p${i}@many${i % 3}.example`);
  const refusals: [email: string, words: RegExp][] = [
    [people[7]!, /550 5\.7\.1 suppressed: [^;]*complaint/],
    [people[18]!, /550 5\.7\.1 suppressed: [^;]*hard bounce/],
    [people[50]!, /550 5\.7\.1 do_not_contact: /],
    [people[99]!, /550 5\.7\.1 thread_taken_over: /],
    ['"no such"@simulator.postern.test', /550 5\.1\.3 invalid_recipient: /],
  ];
  const put = (email: string, body: object) => gateway.fetchJson('PUT', `/v1/contacts/${email}`, body);
  await gateway.fetchJson('POST', '/v1/suppressions', { email: people[7], reason: 'complaint' });
  await gateway.fetchJson('POST', '/v1/suppressions', { email: people[18], reason: 'hard_bounce' });
  await put(people[50]!, { do_not_contact: true });
  await put(people[99]!, { thread_taken_over: true });
  const transport = createTransport({ host: '127.0.0.1', port: postfix.ports.submit, ignoreTLS: true });
  await transport.sendMail({
    envelope: { from: 'bob@postfix.test', to: [...people, '"no such"@simulator.postern.test'] },
    raw: [
      'From: =?utf-8?Q?K=C3=A4the?= <bob@postfix.test>',
      'To: everybody:;',
      'Subject: Many',
      'Content-Type: text/plain; charset=utf-8',
      'Content-Transfer-Encoding: 8bit',
      '',
      `Grüße ${'und so weiter '.repeat(200)}`,
      '',
    ].join('\r\n'),
  });
  transport.close();
  const taken = people.filter((email) => !refusals.some(([refused]) => refused === email));
  for (const email of taken) await gateway.captured(email);
  await until(() => /Final-Recipient/.test(postfix.delivered()), 20_000, 'the notification');
  const notice = postfix.delivered().replace(/\n[ \t]+/g, ' ');
  const told = notice.split('Final-Recipient: ').slice(1);
  for (const [email, words] of refusals) {
    const about = told.find((part) => part.includes(email.replace(/"/g, '')) || part.includes(email));
    assert.match(about ?? '', words, email);
    assert.match(about ?? '', /see http:\/\/127\.0\.0\.1:\d+\/docs\/reasons\/[a-z_]+/, email);
  }
  assert.equal(told.length, refusals.length);
  for (const email of taken) assert.equal((await gateway.captured(email)).length, 1, email);
  const [mail] = await gateway.captured(taken[0]!);
  assert.match(mail.text, /^Grüße und so weiter /);
  assert.ok((await gateway.raw(mail.id)).split('\r\n').every((line) => line.length <= 998));
});
