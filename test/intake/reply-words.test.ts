import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problem } from '../../src/core/explain.ts';
import { REASON_CODES, REASONS } from '../../src/core/reasons.ts';
import { headroomOf, headroomText, refusalText } from '../../src/intake/reply-words.ts';

const NEXT = Date.parse('2027-03-02T09:00:00.000Z');

test('every refusal says whether and when to come back, and who can clear it', () => {
  for (const code of REASON_CODES) {
    if (REASONS[code].http === null) continue;
    for (const clearsAt of [null, NEXT]) {
      const reason = { code, scope: null, clearsAt, evidence: {} };
      const body = problem(
        { reasons: [reason], messageId: null, requestId: 'req_1' },
        { docsBase: 'http://127.0.0.1/docs/reasons/' },
      );
      const text = refusalText(body, 'Nothing was sent.');
      assert.ok(text.startsWith(`Refused: ${code} (`), text);
      assert.ok(text.includes(`What to do: ${body.fix}`), text);
      assert.match(text, /^Who can clear it: \S/m, text);
      assert.match(text, /^(?:Do not re(?:try|peat)|It may succeed later)/m, text);
      if (body.retry_at !== null) assert.ok(text.includes(body.retry_at), text);
    }
  }
});

test('headroom is read from the headers of an answer', () => {
  const headers = {
    'x-risk-level': 'elevated',
    'ratelimit-policy': '"daily";q=500;w=86400, "rate";q=28;w=1',
    ratelimit: '"daily";r=347;t=3600, "rate";r=28;t=0',
    'x-quota-limit': '500',
    'x-quota-remaining': '347',
    'x-quota-reset': '2027-03-01T10:00:00Z',
  };
  const headroom = headroomOf(headers);
  assert.deepEqual(headroom, {
    limits: [
      { name: 'daily', limit: 500, remaining: 347, window_seconds: 86_400, resets_in_seconds: 3600 },
      { name: 'rate', limit: 28, remaining: 28, window_seconds: 1, resets_in_seconds: 0 },
    ],
    quota: { limit: 500, remaining: 347, resets_at: '2027-03-01T10:00:00Z' },
    risk_level: 'elevated',
  });
  assert.equal(headroomText(headroom!), 'Headroom: daily 347 of 500 (more in 3600 s), rate 28 of 28; risk elevated.');
  assert.equal(
    headroomText({ limits: [], quota: null, risk_level: 'normal' }),
    'Headroom: no limits apply; risk normal.',
  );
  assert.equal(headroomOf({}), null);
});
