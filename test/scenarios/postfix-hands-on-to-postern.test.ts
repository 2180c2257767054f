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
