import assert from 'node:assert/strict';
import { test } from 'node:test';
import { duplicate } from '../../../src/policy/rules/duplicate.ts';
import { DAY, factsOf, findings, NOW, told, unknownEvidence } from '../deciding.ts';

test('a dedupe key in use is refused until it is free again', () => {
  const facts = factsOf({ duplicate: { messageId: 'msg_1', at: NOW - DAY, until: NOW + 29 * DAY } });
  const [found] = findings(duplicate, facts);
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'duplicate',
    scope: { kind: 'installation', id: 'ins_1' },
    clearsAt: NOW + 29 * DAY,
    evidence: { original_message_id: 'msg_1', first_at: NOW - DAY },
  });
  assert.deepEqual(unknownEvidence('duplicate', found.evidence), []);
  assert.equal(
    told(found),
    'The dedupe key was used at 2026-04-26T08:12:00.000Z by msg_1; it is free again at 2026-05-26T08:12:00.000Z.',
  );
});

test('a key that nobody used passes', () => {
  assert.deepEqual(findings(duplicate, factsOf()), []);
});
