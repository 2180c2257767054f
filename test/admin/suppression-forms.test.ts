import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formOf, readLine, unguarded } from '../../src/admin/suppression-forms.ts';

const NOW = Date.UTC(2026, 10, 22);

const FILES: { name: string; form: string; header: string; line: string; expected: object }[] = [
  {
    name: 'SendGrid bounces, with Unix seconds and the answer of the server',
    form: 'sendgrid',
    header: 'status,reason,email,created',
    line: '5.1.1|550 5.1.1 no such user|Bob@Example.com|1762000000',
    expected: { reason: 'hard_bounce', since: 1_762_000_000_000, note: '550 5.1.1 no such user' },
  },
  {
    name: 'SendGrid spam reports',
    form: 'sendgrid',
    header: 'email,ip,created',
    line: 'bob@example.com|192.0.2.1|1762000000',
    expected: { reason: 'complaint' },
  },
  {
    name: 'Mailgun bounces, with a time as in mail',
    form: 'mailgun',
    header: 'address,code,error,created_at',
    line: 'bob@example.com|550|No such mailbox|Tue, 03 Mar 2026 10:00:00 UTC',
    expected: { reason: 'hard_bounce', since: Date.UTC(2026, 2, 3, 10), note: 'No such mailbox' },
  },
  {
    name: 'Mailgun unsubscribes',
    form: 'mailgun',
    header: 'address,tags,created_at',
    line: 'bob@example.com|*|2026-03-03T10:00:00Z',
    expected: { reason: 'unsubscribe' },
  },
  {
    name: 'Postmark suppressions, with a time and its offset',
    form: 'postmark',
    header: 'EmailAddress,SuppressionReason,Origin,CreatedAt',
    line: 'bob@example.com|SpamComplaint|Recipient|2026-03-03T10:00:00-05:00',
    expected: { reason: 'complaint', since: Date.UTC(2026, 2, 3, 15), note: 'Recipient' },
  },
  {
    name: 'SES suppressed destinations',
    form: 'ses',
    header: 'EmailAddress,Reason,LastUpdateTime',
    line: 'bob@example.com|BOUNCE|2026-03-03T10:00:00.123Z',
    expected: { reason: 'hard_bounce', since: Date.UTC(2026, 2, 3, 10, 0, 0, 123) },
  },
  {
    name: 'Mailchimp unsubscribes, with a time without a zone',
    form: 'mailchimp',
    header: 'Email Address,First Name,UNSUB_TIME,UNSUB_REASON',
    line: 'bob@example.com|Bob|2026-03-03 10:00:00|NORMAL',
    expected: { reason: 'unsubscribe', since: Date.UTC(2026, 2, 3, 10), note: 'NORMAL' },
  },
  {
    name: 'Mailchimp cleaned addresses',
    form: 'mailchimp',
    header: 'Email Address,CLEAN_TIME,CLEAN_CAMPAIGN_TITLE',
    line: 'bob@example.com|2026-03-03 10:00:00|Spring',
    expected: { reason: 'hard_bounce' },
  },
  {
    name: 'Postern itself',
    form: 'postern',
    header: 'email,domain,reason,since,expires_at,note,source,id',
    line: 'bob@example.com||legal_request|2026-01-01T00:00:00.000Z|2027-01-01T00:00:00.000Z|case 7|api|sup_1',
    expected: { reason: 'legal_request', expiresAt: Date.UTC(2027, 0, 1), note: 'case 7', since: Date.UTC(2026, 0, 1) },
  },
];

describe('the forms of suppression files', () => {
  for (const { name, form: known, header, line, expected } of FILES) {
    it(`reads what comes from ${name}`, () => {
      const form = formOf(header.split(','));
      assert.equal(form?.name, known);
      const read = readLine(form!, line.split('|'), null, NOW);
      assert.ok('suppression' in read, JSON.stringify(read));
      assert.deepEqual({ ...read.suppression, ...expected }, read.suppression);
      assert.equal(read.suppression.key, 'bob@example.com');
      assert.equal(read.suppression.kind, 'address');
    });
  }

  it('knows a form whatever the order and the letters of its columns', () => {
    assert.equal(formOf(['created', 'EMAIL', 'Reason', 'Status'])?.name, 'sendgrid');
    assert.equal(formOf(['lastUpdateTime', 'reason', 'email address'])?.name, 'ses');
  });

  it('takes one address for a list of them, and nothing else without a header', () => {
    assert.equal(formOf(['bob@example.com'])?.name, 'list');
    assert.equal(formOf(['bob@example.com', 'eve@example.com']), null);
    assert.equal(formOf(['name', 'telephone']), null);
  });

  it('leaves out a bounce that passes and what has ended', () => {
    const sendgrid = formOf(['status', 'reason', 'email', 'created'])!;
    for (const status of ['4.2.2', '452', '421 ']) {
      assert.ok('skipped' in readLine(sendgrid, [status, 'full', 'bob@example.com', ''], null, NOW), status);
    }
    assert.ok('suppression' in readLine(sendgrid, ['', '', 'bob@example.com', ''], null, NOW));
    const own = formOf(['email', 'reason', 'expires_at'])!;
    assert.ok('skipped' in readLine(own, ['bob@example.com', 'unsubscribe', '2026-11-01T00:00:00Z'], null, NOW));
  });

  it('asks for the reason where neither line nor form tells, and never guesses an unknown one', () => {
    const own = formOf(['email', 'reason'])!;
    const reason = { column: 'reason', message: 'Nothing says why it is suppressed.' };
    assert.deepEqual(readLine(own, ['bob@example.com', ''], null, NOW), { problem: reason });
    const given = readLine(own, ['bob@example.com', ''], 'manual_dnc', NOW);
    assert.ok('suppression' in given && given.suppression.reason === 'manual_dnc');
    const unknown = readLine(own, ['bob@example.com', 'whim'], 'manual_dnc', NOW);
    assert.ok('problem' in unknown && unknown.problem.column === 'reason');
  });

  it('says which column of a line is wrong', () => {
    const own = formOf(['email', 'domain', 'reason', 'expires_at'])!;
    const column = (cells: string[]) => {
      const read = readLine(own, cells, null, NOW);
      return 'problem' in read ? read.problem.column : null;
    };
    assert.equal(column(['nobody', '', 'unsubscribe', '']), 'email');
    assert.equal(column(['', 'localhost', 'unsubscribe', '']), 'domain');
    assert.equal(column(['', '', 'unsubscribe', '']), 'email');
    assert.equal(column(['a@b.example', '', 'unsubscribe', 'soon']), 'expires_at');
    assert.equal(column([]), 'email');
  });

  it('takes an unreadable or future beginning for now, since an address that is suppressed anyway matters more', () => {
    const own = formOf(['email', 'reason', 'since'])!;
    for (const since of ['whenever', '2030-01-01T00:00:00Z', '']) {
      const read = readLine(own, ['a@b.example', 'unsubscribe', since], null, NOW);
      assert.ok('suppression' in read && read.suppression.since === null, since);
    }
  });

  it('never throws on any line', () => {
    const header = fc.constantFrom(...FILES.map((file) => file.header.split(',')));
    fc.assert(
      fc.property(header, fc.array(fc.string({ unit: 'binary' }), { maxLength: 10 }), (columns, cells) => {
        const read = readLine(formOf(columns)!, cells, null, NOW);
        assert.ok('suppression' in read || 'skipped' in read || 'problem' in read);
      }),
      { numRuns: 300 },
    );
  });

  it('takes off the apostrophe that guards a formula, and no other', () => {
    assert.deepEqual(["'=1+1", "'+a@b.example", "it's", "'quoted'"].map(unguarded), [
      '=1+1',
      '+a@b.example',
      "it's",
      "'quoted'",
    ]);
  });
});
