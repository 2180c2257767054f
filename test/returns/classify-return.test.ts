import assert from 'node:assert/strict';
import { test } from 'node:test';
import { read, report } from './sample.ts';

const FAILED = 'Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\n';

function only(mail: string) {
  const { kind, recipients } = read(mail);
  assert.equal(recipients.length, 1);
  return { kind, ...recipients[0] };
}

function freeForm(text: string, headers = 'From: MAILER-DAEMON@mx.example.net\r\nSubject: failure notice'): string {
  return `${headers}\r\nTo: b+token@bounces.sender.example\r\n\r\n${text.replaceAll('\n', '\r\n')}`;
}

test('an unknown user in the standard form is suppressed', () => {
  assert.deepEqual(only(report(`${FAILED}Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 User unknown`)), {
    kind: 'bounce',
    email: 'a@b.example',
    class: 'unknown_user',
    status: '5.1.1',
    action: 'failed',
    hard: true,
    suppress: true,
  });
});

for (const [name, fields, bounceClass] of [
  ['a temporary status', 'Status: 4.1.1\r\nDiagnostic-Code: smtp; 450 4.1.1 User unknown', 'unknown_user'],
  [
    'a temporary reply behind a permanent status',
    'Status: 5.1.1\r\nDiagnostic-Code: smtp; 450 4.1.1 User unknown',
    'unknown_user',
  ],
  ['a full mailbox', 'Status: 5.2.2\r\nDiagnostic-Code: smtp; 552 5.2.2 Mailbox full', 'mailbox_full'],
  [
    'a full mailbox behind a wrong code',
    'Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 Over quota',
    'mailbox_full',
  ],
  ['policy', 'Status: 5.7.1\r\nDiagnostic-Code: smtp; 550 5.7.1 Refused by policy', 'policy_block'],
  [
    'a block list',
    'Status: 5.7.1\r\nDiagnostic-Code: smtp; 554 5.7.1 blocked using zen.spamhaus.org',
    'reputation_block',
  ],
  ['authentication', 'Status: 5.7.26\r\nDiagnostic-Code: smtp; 550 5.7.26 Unauthenticated', 'auth_failure'],
  ['content', 'Status: 5.6.0\r\nDiagnostic-Code: smtp; 554 5.6.0 virus found', 'content_block'],
  [
    'a disabled account',
    'Status: 5.2.1\r\nDiagnostic-Code: smtp; 550 5.2.1 This account has been disabled',
    'mailbox_disabled',
  ],
  ['an expiry', 'Status: 4.4.7\r\nDiagnostic-Code: X-MTA; delivery time expired', 'infrastructure'],
  ['nothing said', 'Status: 5.0.0', 'unknown'],
] as const) {
  test(`${name} suppresses nobody`, () => {
    const one = only(report(FAILED + fields));
    assert.equal(one.class, bounceClass);
    assert.equal(one.suppress, false);
    assert.equal(one.kind, 'bounce');
  });
}

for (const [action, kind] of [
  ['delayed', 'delay'],
  ['delivered', 'delivered'],
  ['relayed', 'relayed'],
  ['expanded', 'relayed'],
] as const) {
  test(`a report of "${action}" suppresses nobody, whatever its status says`, () => {
    const one = only(report(`Final-Recipient: rfc822; a@b.example\r\nAction: ${action}\r\nStatus: 5.1.1`));
    assert.deepEqual([one.kind, one.hard, one.suppress], [kind, false, false]);
  });
}

test('each recipient of one report has an answer of its own', () => {
  const { kind, recipients } = read(
    report(
      `${FAILED}Status: 5.1.1\r\n\r\nFinal-Recipient: rfc822; c@d.example\r\nAction: delayed\r\nStatus: 4.4.1\r\n\r\n` +
        'Final-Recipient: rfc822; e@f.example\r\nAction: delivered\r\nStatus: 2.0.0',
    ),
  );
  assert.equal(kind, 'bounce');
  assert.deepEqual(
    recipients.map((one) => [one.email, one.action, one.suppress]),
    [
      ['a@b.example', 'failed', true],
      ['c@d.example', 'delayed', false],
      ['e@f.example', 'delivered', false],
    ],
  );
});

test('fields of the next recipient are told apart without the blank line between', () => {
  const { recipients } = read(
    report(`${FAILED}Status: 5.1.1\r\nFinal-Recipient: rfc822; c@d.example\r\nAction: failed\r\nStatus: 5.2.2`),
  );
  assert.deepEqual(
    recipients.map((one) => [one.email, one.class]),
    [
      ['a@b.example', 'unknown_user'],
      ['c@d.example', 'mailbox_full'],
    ],
  );
});

test('what the notice quotes is read where the fields say nothing', () => {
  const notice =
    '<a@b.example>: host mx.b.example said: 550 5.1.1 <a@b.example>: User unknown (in reply to RCPT TO command)';
  assert.equal(only(report(`${FAILED}Status: 5.0.0`, notice)).suppress, true);
});

test('a notice that the mailbox is full outweighs a code that says otherwise', () => {
  const notice = 'Your message to <a@b.example> was rejected:\r\nNot enough disk space';
  assert.equal(
    only(report(`${FAILED}Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 User unknown`, notice)).suppress,
    false,
  );
});

test('a report whose wrapping was lost is read from the text', () => {
  const mail = freeForm(
    'Could not be delivered.\n\nReporting-MTA: dns; x\n\nFinal-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\n',
  );
  assert.equal(only(mail).suppress, true);
});

test('a report inside a forwarded message is read', () => {
  const mail = `From: gateway@sender.example\r\nSubject: Fw\r\nContent-Type: message/rfc822\r\n\r\n${report(`${FAILED}Status: 5.1.1`)}`;
  assert.equal(only(mail).suppress, true);
});

test('a name without a domain and an address in UTF-8 are taken as they are', () => {
  assert.equal(only(report('Final-Recipient: rfc822; nair_s\r\nAction: failed\r\nStatus: 5.0.0')).email, 'nair_s');
  const utf8 = Buffer.from(report('Final-Recipient: utf-8; grüße@b.example\r\nAction: failed\r\nStatus: 5.1.1'));
  assert.equal(read(utf8).recipients[0]?.email, 'grüße@b.example');
});

test('several recipients of a free text have their own lines', () => {
  const mail = freeForm(
    'This message was created automatically.\nThe following addresses failed:\n\n' +
      '  a@b.example\n    SMTP error from remote mail server after RCPT TO:<a@b.example>:\n    550 5.1.1 User unknown\n' +
      '  c@d.example\n    SMTP error from remote mail server after RCPT TO:<c@d.example>:\n    552 5.2.2 Mailbox full\n\n' +
      '------ This is a copy of the message ------\n\nReceived: from x\nFrom: me@sender.example\nTo: a@b.example, c@d.example\n',
  );
  assert.deepEqual(
    read(mail).recipients.map((one) => [one.email, one.class, one.suppress]),
    [
      ['a@b.example', 'unknown_user', true],
      ['c@d.example', 'mailbox_full', false],
    ],
  );
});

test('words inside the returned message say nothing of the delivery', () => {
  const mail = freeForm(
    'I was not able to deliver your message.\n\n<a@b.example>:\nConnection timed out\n\n--- Below this line is a copy of the message.\n\n' +
      'Received: from x\nSubject: 550 5.1.1 User unknown\nTo: a@b.example\n\n550 5.1.1 User unknown\n',
  );
  assert.deepEqual([only(mail).class, only(mail).suppress], ['infrastructure', false]);
});

test('a warning that delivery is late is a delay', () => {
  const mail = freeForm(
    'THIS IS A WARNING MESSAGE ONLY. YOU DO NOT NEED TO RESEND YOUR MESSAGE.\n\n<a@b.example>: 550 5.1.1 User unknown\n',
    'From: MAILER-DAEMON@mx.example.net\r\nSubject: Warning: could not send message for past 4 hours',
  );
  assert.deepEqual([only(mail).kind, only(mail).action, only(mail).suppress], ['delay', 'delayed', false]);
});

test('the sender of the message that came back is never taken for its recipient', () => {
  const mail = freeForm(
    'Sorry, could not deliver.\n\n<b+token@bounces.sender.example> wrote to\n<a@b.example>:\n550 5.1.1 User unknown\n',
  );
  assert.equal(only(mail).email, 'a@b.example');
});

function feedback(type: string): string {
  return [
    'From: fbl@isp.example',
    'Subject: FW: hello',
    'Content-Type: multipart/report; report-type=feedback-report; boundary=b',
    '',
    '--b',
    'Content-Type: text/plain',
    '',
    'This is a report.',
    '--b',
    'Content-Type: message/feedback-report',
    '',
    `Feedback-Type: ${type}`,
    'User-Agent: x/1',
    'Version: 1',
    'Original-Rcpt-To: <a@b.example>',
    '--b--',
    '',
  ].join('\r\n');
}

for (const [type, kind] of [
  ['abuse', 'complaint'],
  ['fraud', 'complaint'],
  ['not-spam', 'not_spam'],
  ['auth-failure', 'auth_report'],
  ['virus', 'auth_report'],
  ['something-new', 'other'],
] as const) {
  test(`a feedback report of "${type}" is ${kind} and ${kind === 'complaint' ? 'suppresses' : 'suppresses nobody'}`, () => {
    const one = only(feedback(type));
    assert.deepEqual([one.kind, one.email, one.suppress, one.hard], [kind, 'a@b.example', kind === 'complaint', false]);
  });
}

for (const [name, headers, kind] of [
  ['a note that RFC 3834 marks', 'Subject: Re: hello\r\nAuto-Submitted: auto-replied', 'auto_reply'],
  ['a note that says so in its subject', 'Subject: Automatic reply: hello', 'auto_reply'],
  ['a note in another language', 'Subject: =?utf-8?Q?R=C3=A9ponse_automatique?=', 'auto_reply'],
  ['a note with the field of a program', 'Subject: hello\r\nX-Autoreply: yes', 'auto_reply'],
  ['a person who answers', 'Subject: Re: hello\r\nAuto-Submitted: no\r\nIn-Reply-To: <x@y>', 'reply'],
  ['a mail to the address of List-Unsubscribe', 'Subject: unsubscribe', 'unsubscribe'],
  ['any other mail', 'Subject: hello', 'other'],
] as const) {
  test(`${name} is ${kind}`, () => {
    const one = only(
      `From: a@b.example\r\n${headers}\r\n\r\nI am away. Your mail was not delivered to my colleague.\r\n`,
    );
    assert.deepEqual([one.kind, one.email, one.suppress], [kind, 'a@b.example', false]);
  });
}

test('a receipt that a mail was read is an auto-reply', () => {
  const mail =
    'From: a@b.example\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/disposition-notification\r\n\r\nDisposition: x\r\n--b--';
  assert.equal(read(mail).kind, 'auto_reply');
});

test('a notice of Amazon SES by mail is read though its lines were broken', () => {
  const notice = {
    notificationType: 'Bounce',
    bounce: {
      bounceType: 'Permanent',
      bouncedRecipients: [
        { emailAddress: 'a@b.example', status: '5.1.1', diagnosticCode: 'smtp; 550 5.1.1 user unknown' },
      ],
    },
  };
  const json = JSON.stringify({ Type: 'Notification', Message: JSON.stringify(notice) });
  const mail = (text: string) => `From: no-reply@sns.example\r\nSubject: AWS Notification Message\r\n\r\n${text}\r\n`;
  assert.equal(only(mail(json)).suppress, true);
  assert.equal(only(mail(`${json.slice(0, 60)}\r\n ${json.slice(60)}`)).suppress, true);
  assert.equal(only(mail(json.replace('Permanent', 'Transient'))).suppress, false);
});

test('a bounce that names nobody is a bounce about nobody', () => {
  assert.deepEqual(read(freeForm('Your message could not be delivered: 550 5.1.1 User unknown\n')), {
    kind: 'bounce',
    form: 'free_form',
    recipients: [],
  });
});

test('"Undelivered:" and "Message not delivered:" in a subject are no report of success', () => {
  for (const subject of ['Undelivered: hello', 'Message not delivered: hello']) {
    const mail = freeForm(
      '<a@b.example>: 550 5.1.1 User unknown\n',
      `From: MAILER-DAEMON@mx.example.net\r\nSubject: ${subject}`,
    );
    assert.equal(only(mail).kind, 'bounce');
  }
  const receipt = freeForm('a@b.example\n', 'From: postmaster@mx.example.net\r\nSubject: Delivered: hello');
  assert.deepEqual([only(receipt).kind, only(receipt).suppress], ['delivered', false]);
});

test('a postmaster who is away is an auto-reply', () => {
  const mail = freeForm(
    'I am away, mail is not delivered to anyone.\n',
    'From: postmaster@b.example\r\nSubject: Out of office',
  );
  assert.equal(only(mail).kind, 'auto_reply');
});

test('a person who writes about a bounce, and a note of someone who is away, suppress nobody', () => {
  const text = 'Your mail was not delivered.\n\n<a@b.example>: 550 5.1.1 User unknown\n';
  for (const headers of [
    'From: Ann <ann@b.example>\r\nSubject: Re: Undeliverable: hello',
    'Return-Path: <>\r\nFrom: Ann <ann@b.example>\r\nSubject: Re: hello\r\nAuto-Submitted: auto-replied',
    'Return-Path: <>\r\nFrom: Ann <ann@b.example>\r\nSubject: hello\r\nAuto-Submitted: auto-replied',
  ]) {
    const { kind, recipients } = read(freeForm(text, headers));
    assert.notEqual(kind, 'bounce');
    assert.ok(recipients.every((one) => !one.suppress));
  }
});

test('an empty mail is nothing', () => {
  assert.deepEqual(read(''), { kind: 'other', form: null, recipients: [] });
});
