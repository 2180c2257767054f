import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { BOUNCE_CLASS_NAMES } from '../../src/core/bounce.ts';
import { blameOf, classify, wordsOf } from '../../src/relay/classify.ts';
import { parseReplies, replies } from '../../src/relay/replies.ts';
import { type RemoteReply, STAGES, type Stage } from '../../src/relay/transports/transport.ts';

const table = replies();

/** An example may open with the stage that it needs: "@dot 550 …". */
function readExample(example: string): { stage: Stage | null; line: string } {
  const [, stage, line = example] = /^@([a-z]+) (.*)$/.exec(example) ?? [];
  return { stage: STAGES.find((each) => each === stage) ?? null, line };
}

/** A reply as a person writes it: "550 5.1.1 User unknown", with or without either code. */
function parseReplyLine(line: string): RemoteReply {
  const [, code, enhanced, text = ''] =
    /^(?:([2-5]\d\d)[ -])?(?:([245]\.\d{1,3}\.\d{1,3})(?:\s|$))?(.*)$/su.exec(line) ?? [];
  return { code: code === undefined ? null : Number(code), enhanced: enhanced ?? null, text };
}

for (const [index, rule] of table.rules.entries()) {
  for (const example of rule.examples) {
    test(`rule ${index + 1} (${rule.class}) takes "${example}" and no earlier rule does`, () => {
      const { stage, line } = readExample(example);
      const taking = (rules: typeof table.rules) => {
        // A rule alone decides the class; the class of no rule at all is "unknown".
        const marked = rules.map((each) => ({ ...each, class: 'greylisted' as const }));
        return classify(parseReplyLine(line), stage, { ...table, rules: marked }).class === 'greylisted';
      };
      assert.ok(taking([rule]), 'the rule itself does not hold');
      assert.ok(!taking(table.rules.slice(0, index)), 'an earlier rule holds');
    });
  }
}

test('every class but "unknown" has a rule', () => {
  const used = new Set(table.rules.map((rule) => rule.class));
  assert.deepEqual(
    BOUNCE_CLASS_NAMES.filter((name) => !used.has(name)),
    ['unknown'],
  );
});

const cases: [string, Stage | null, string, boolean, boolean, string, string][] = [
  ['550 5.1.1 User unknown', 'rcpt', 'unknown_user', true, true, 'recipient', 'none'],
  ['450 4.1.1 User unknown in virtual alias table', 'rcpt', 'unknown_user', false, false, 'recipient', 'slow'],
  ['550 Unknown user', 'dot', 'unknown_user', false, false, 'recipient', 'none'],
  ['452 4.2.2 Over quota', 'rcpt', 'mailbox_full', false, false, 'recipient', 'slow'],
  ['552 5.2.2 Over quota', 'rcpt', 'mailbox_full', false, false, 'recipient', 'none'],
  ['550 5.4.4 Host not found', null, 'domain_not_found', true, true, 'recipient', 'none'],
  ['451 4.7.1 Greylisted', 'rcpt', 'greylisted', false, false, 'receiver', 'greylist'],
  ['421 4.7.0 Too many connections', 'banner', 'rate_limited', false, false, 'operator', 'normal'],
  ['454 4.7.0 Maximum sending rate exceeded: throttled', 'mail', 'rate_limited', false, false, 'operator', 'normal'],
  ['535 5.7.8 Bad credentials', 'auth', 'auth_failure', false, false, 'operator', 'slow'],
  ['530 5.7.0 Authentication required', 'mail', 'auth_failure', false, false, 'operator', 'slow'],
  ['530 5.1.1 User unknown', 'rcpt', 'unknown_user', true, true, 'recipient', 'none'],
  ['554 No', 'banner', 'infrastructure', false, false, 'receiver', 'normal'],
  ['550 5.7.1 Blocked using zen.spamhaus.org', 'rcpt', 'reputation_block', false, false, 'operator', 'none'],
  ['no answer in time', 'mail', 'infrastructure', false, false, 'receiver', 'normal'],
  ['5.6.7 an address needs SMTPUTF8', 'mail', 'protocol_error', false, false, 'gateway', 'none'],
  ['5.3.4 the message has 2 octets', 'mail', 'message_too_large', false, false, 'receiver', 'none'],
  ['599 Gibberish', 'rcpt', 'unknown', false, false, 'receiver', 'none'],
  ['', 'rcpt', 'unknown', false, false, 'receiver', 'normal'],
];

for (const [line, stage, bounceClass, hard, suppress, fault, retry] of cases) {
  test(`"${line}" at ${stage} is ${bounceClass}, ${hard ? 'hard' : 'soft'}, by fault of the ${fault}, retry ${retry}`, () => {
    const expected = { class: bounceClass, hard, suppress, fault, retry };
    assert.deepEqual(classify(parseReplyLine(line), stage, table), expected);
  });
}

for (const line of [
  '550 5.7.1 Service unavailable, client blocked using zen.spamhaus.org; too many unknown users',
  '550 5.1.1 <a@b.example>: Recipient address rejected: blocked by policy',
  '550 5.1.1 Mailbox full',
  '553 5.1.8 Domain of sender address a@b.example does not exist',
  '550 5.1.0 a@b.example sender rejected',
  '554 5.7.1 <user-unknown.example[192.0.2.1]>: Client host rejected: cannot find your reverse hostname',
  '451 4.1.1 User unknown',
  '550 4.4.7 Message expired: user unknown',
  '421 5.1.1 User unknown',
  '550 5.4.1 All recipient addresses rejected : Access denied',
]) {
  test(`"${line}" suppresses nobody`, () => {
    assert.equal(classify(parseReplyLine(line), null, table).suppress, false);
  });
}

test('an address or its punctuation never counts as words', () => {
  assert.equal(wordsOf('550 <user.unknown@spamhaus.example>: Can’t   be\tDELIVERED!'), ' 550 cant be delivered ');
  assert.equal(wordsOf(''), '  ');
});

test('any text is classified, and suppression needs a permanent reply', () => {
  const line = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.string({ unit: fc.constantFrom('5', '.', '1', ' ', 'a', '@', '<'), maxLength: 200 }),
  );
  fc.assert(
    fc.property(
      fc.option(fc.integer({ min: 200, max: 599 })),
      fc.constantFrom(null, ...STAGES),
      line,
      (code, stage, text) => {
        const bounce = classify({ code, enhanced: null, text }, stage, table);
        if (bounce.suppress) assert.ok(bounce.hard && (code === null || code >= 500));
      },
    ),
  );
});

test('hostile text of a megabyte takes no superlinear time', () => {
  for (const unit of ['a', '@', '<', ' ', '5.1.1 ', '550-', 'user unknow ', "'", '\u0301']) {
    const startedAt = process.cpuUsage().user;
    classify({ code: 550, enhanced: null, text: unit.repeat(1_000_000 / unit.length) }, null, table);
    assert.ok(process.cpuUsage().user - startedAt < 200_000, unit);
  }
});

const good = readFileSync(new URL('../../src/relay/replies.toml', import.meta.url), 'utf8');
for (const [name, toml] of [
  ['an unknown key', good.replace('examples =', 'example =')],
  ['an unknown class', `${good}\n[[rule]]\nclass = "odd"\ncodes = [550]\nexamples = ["550 x"]\n`],
  ['no condition', `${good}\n[[rule]]\nclass = "unknown"\nexamples = ["550 x"]\n`],
  ['no example', `${good}\n[[rule]]\nclass = "unknown"\ncodes = [550]\n`],
  ['an unknown list', `${good}\n[[rule]]\nclass = "unknown"\nany = ["&odd"]\nexamples = ["550 x"]\n`],
  ['a class without meaning', good.replace(/^greylisted = .*$/m, '')],
] as const) {
  test(`a table with ${name} is refused`, () => {
    assert.throws(() => parseReplies(toml), TypeError);
  });
}

for (const [line, stage, blames] of [
  ['connect ECONNREFUSED 127.0.0.1:25', 'connect', 'peer'],
  ['421 4.3.2 Service shutting down', 'banner', 'peer'],
  ['421 4.7.0 Try again later, closing connection', 'rcpt', 'peer'],
  ['421 Bye', 'dot', 'peer'],
  ['the connection was closed', 'body', 'peer'],
  ['451 4.3.0 Temporary failure', 'dot', 'peer'],
  ['TLS is required and the next hop does not offer STARTTLS', 'tls', 'peer'],
  ['535 5.7.8 Authentication credentials invalid', 'auth', 'account'],
  ['550 5.7.1 <alice@sender.example> Sender denied', 'mail', 'account'],
  ['550 Denied by policy', 'mail', 'account'],
  ['550 5.4.5 Daily sending quota exceeded', 'dot', 'account'],
  ['454 Throttling failure: Maximum sending rate exceeded.', 'dot', 'account'],
  ['554 5.7.1 <b@rcpt.example>: Relay access denied', 'rcpt', 'account'],
  ['552 5.3.4 Message size exceeds fixed limit', 'mail', 'fit'],
  ['5.6.7 an address or a header needs SMTPUTF8, which the next hop does not offer', 'mail', 'fit'],
  ['450 4.2.1 The user you are trying to contact is receiving mail too quickly', 'rcpt', 'recipient'],
  ['451 4.7.1 Greylisted, come back later', 'rcpt', 'recipient'],
  ['452 4.2.2 Mailbox full', 'rcpt', 'recipient'],
  ['550 5.1.1 User unknown', 'rcpt', 'recipient'],
  ['554 5.7.1 Client host blocked using zen.spamhaus.org', 'rcpt', 'beyond'],
  ['450 4.4.1 connect to mx.b.example: Connection timed out', 'rcpt', 'beyond'],
  ['554 5.7.1 Message rejected as spam', 'dot', 'message'],
] as const) {
  test(`"${line}" at ${stage} is laid on the ${blames}`, () => {
    assert.equal(blameOf(parseReplyLine(line), stage, table), blames);
  });
}
