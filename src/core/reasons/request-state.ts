/**
 * Reasons about a request that is well formed but does not fit what is already there: unknown ids, old cursors, states,
 * idempotency keys, the rate of requests. Such a request never reaches the policy. Order is precedence.
 *
 * Deliberately absent: any difference between what does not exist and what belongs to another tenant.
 */

import { APP_PROBLEM, DAY, exampleId, HOUR, MINUTE, type ReasonEntry, SECOND } from './entry.ts';

export const REQUEST_STATE = {
  not_found: {
    code: 'not_found',
    title: 'Not found',
    category: 'access',
    http: 404,
    smtp: { reply: 554, enhanced: '5.5.4' },
    retryable: false,
    clearsBy: ['caller'],
    clearsAt: 'Never by itself; the request must change.',
    fault: 'caller',
    detail:
      '[There is no {resource} `{id}` in this tenant and mode|There is no such {resource} in this tenant and mode|There is nothing at this path].',
    fix: 'Check the path and the id, and that the key is of the tenant and mode that own it.',
    explanation:
      'The path does not exist, or no such thing belongs to the tenant and mode of the key. What another tenant owns is answered in the same way. Live and test mode are fully separate: a message sent with a test key is not visible to a live key.',
    customerMessage: 'What you are looking for does not exist, or no longer exists.',
    evidence: { resource: 'what was looked for, for example `message`', id: 'the id that was asked for' },
    example: () => ({ scope: null, clearsAt: null, evidence: { resource: 'message', id: exampleId('msg') } }),
  },
  cursor_expired: {
    code: 'cursor_expired',
    title: 'Event cursor expired',
    category: 'access',
    http: 410,
    smtp: { reply: 554, enhanced: '5.5.4' },
    retryable: false,
    clearsBy: ['caller'],
    clearsAt: 'Never by itself; events that were removed do not come back.',
    fault: 'caller',
    detail:
      'Events [after {after_seq} are|at this cursor are] no longer kept[; the oldest is {oldest_seq}][, of {oldest_at}].',
    fix: 'Read again from `oldest_seq`, and fetch the present state of what you may have missed.',
    explanation:
      'Events are kept for the retention time of the tenant. The cursor points to events that have been removed, so there is a gap that cannot be filled from the event stream. Start at the oldest event and list the messages you hold open to learn their present state.',
    customerMessage: APP_PROBLEM,
    evidence: {
      after_seq: 'the cursor that was sent',
      oldest_seq: 'the oldest event that is kept',
      oldest_at: 'when it happened',
    },
    example: ({ now, tenant }) => ({
      scope: tenant,
      clearsAt: null,
      evidence: { after_seq: 918, oldest_seq: 20_412, oldest_at: now - 30 * DAY },
    }),
  },
  state_conflict: {
    code: 'state_conflict',
    title: 'Not possible in the present state',
    category: 'access',
    http: 409,
    smtp: { reply: 503, enhanced: '5.5.1' },
    retryable: false,
    clearsBy: ['caller'],
    clearsAt: 'No time; it depends on the present state.',
    fault: 'caller',
    detail:
      '[The {resource} `{id}`|This] is [`{state}`|no longer in a state that allows it][, so `{action}` is not possible].',
    fix: 'Read the present state and decide again; do not repeat the call unchanged.',
    explanation:
      'What was asked for does not fit the present state. Typical cases are cancelling a message that has left, approving a hold a second time, or changing a version that somebody else changed in between. Nothing was changed.',
    customerMessage:
      'This is no longer possible, because the state has changed in the meantime. Please reload and look again.',
    evidence: {
      resource: 'what the call was about, for example `message`',
      id: 'its id',
      state: 'its present state',
      action: 'what was asked for',
    },
    example: () => ({
      scope: { kind: 'message', id: exampleId('msg') },
      clearsAt: null,
      evidence: { resource: 'message', id: exampleId('msg'), state: 'sent', action: 'cancel' },
    }),
  },
  idempotency_key_invalid: {
    code: 'idempotency_key_invalid',
    title: 'Idempotency key invalid',
    category: 'access',
    http: 400,
    smtp: { reply: 554, enhanced: '5.5.4' },
    retryable: false,
    clearsBy: ['caller'],
    clearsAt: 'Never by itself; the key must change.',
    fault: 'caller',
    detail: 'The idempotency key is not 1 to 255 visible ASCII characters[: {problem}][ (length {length})].',
    fix: 'Send an Idempotency-Key of 1 to 255 visible ASCII characters, for example a UUID.',
    explanation:
      'An idempotency key is 1 to 255 visible ASCII characters without spaces. A key that cannot be kept exactly cannot protect from sending twice, so the request is refused. A UUID, or the id of the thing you send about, works well.',
    customerMessage: APP_PROBLEM,
    words: {
      problem: {
        empty: 'it is empty',
        too_long: 'it is too long',
        invalid_character: 'it has a character that is not allowed',
        repeated: 'the header was sent more than once',
      },
    },
    evidence: {
      problem: '`empty`, `too_long`, `invalid_character` or `repeated`',
      length: 'how many characters it had',
    },
    example: () => ({ scope: null, clearsAt: null, evidence: { problem: 'too_long', length: 300 } }),
  },
  idempotency_key_reused: {
    code: 'idempotency_key_reused',
    title: 'Idempotency key reused with other content',
    category: 'access',
    http: 409,
    smtp: { reply: 554, enhanced: '5.5.4' },
    retryable: false,
    clearsBy: ['caller'],
    clearsAt: 'First use of the key plus its retention (24 h unless the policy says otherwise).',
    fault: 'caller',
    detail:
      'The idempotency key[ "{idempotency_key}"] was used[ at {first_at}] for other content[ ({original_message_id})][; it is free again at {clears_at}].',
    fix: 'Use a new Idempotency-Key for new content, and the same key only to repeat the same request.',
    explanation:
      'The key was accepted before with different content. Repeating the same content with it would have given the stored answer; other content is refused, since one of the two was not meant. Keys are shared by every way into the same installation: HTTP, batches, SMTP, MCP and the compatibility faces. A common cause is a key made from something that does not change, such as a customer number.',
    customerMessage: APP_PROBLEM,
    evidence: {
      idempotency_key: 'the key',
      first_at: 'when it was first accepted',
      original_message_id: 'the message it belongs to',
    },
    example: ({ now }) => ({
      scope: { kind: 'installation', id: exampleId('ins') },
      clearsAt: now + 21 * HOUR,
      evidence: {
        idempotency_key: 'quote-42',
        first_at: now - 3 * HOUR,
        original_message_id: exampleId('msg'),
      },
    }),
  },
  idempotency_in_progress: {
    code: 'idempotency_in_progress',
    title: 'The first request is still running',
    category: 'access',
    http: 409,
    smtp: { reply: 451, enhanced: '4.5.0' },
    retryable: true,
    clearsBy: ['time'],
    clearsAt: 'One second from now; the first request usually ends sooner.',
    fault: 'caller',
    detail:
      'A request with the idempotency key[ "{idempotency_key}"][ that began at {started_at}] is still being processed.',
    fix: 'Wait a second, then repeat the same request with the same Idempotency-Key.',
    explanation:
      'Two requests with the same key are running at the same time. The second waited for the first for up to two seconds. Repeat it shortly: it will get the answer of the first. Do not change the key, or the message may be sent twice.',
    customerMessage: 'The message is already being sent. Please wait a moment.',
    evidence: { idempotency_key: 'the key', started_at: 'when the first request began' },
    example: ({ now }) => ({
      scope: { kind: 'installation', id: exampleId('ins') },
      clearsAt: now + SECOND,
      evidence: { idempotency_key: 'quote-42', started_at: now - 2 * SECOND },
    }),
  },
  request_rate_exceeded: {
    code: 'request_rate_exceeded',
    title: 'Too many requests',
    category: 'access',
    http: 429,
    smtp: { reply: 451, enhanced: '4.7.1' },
    retryable: true,
    clearsBy: ['time'],
    clearsAt: 'The instant at which the limit lets one more request through.',
    fault: 'caller',
    detail:
      '[{used} of {limit} requests used in {window}|The limit on API requests is reached][; the next request may come at {clears_at}].',
    fix: 'Wait as long as `Retry-After` says, and spread requests or use the batch route.',
    explanation:
      'The API was called more often than the limit on requests allows. This limit counts calls, not messages, and is separate from sending limits. One batch of 500 messages is one request, and webhooks or the event stream replace polling.',
    customerMessage: 'The app is making too many requests at the moment. Please try again shortly.',
    evidence: {
      limit_name: 'the name of the limit',
      unit: '`request`',
      window: 'its window',
      limit: 'the most requests in the window',
      used: 'requests counted in it',
      requested: 'what this request would have added',
      frees_at: 'when the next request may come',
    },
    example: ({ now }) => ({
      scope: { kind: 'installation', id: exampleId('ins') },
      clearsAt: now + MINUTE,
      evidence: {
        limit_name: 'requests',
        unit: 'request',
        window: 'rolling_1m',
        limit: 600,
        used: 600,
        requested: 1,
        frees_at: now + MINUTE,
      },
    }),
  },
} as const satisfies Record<string, ReasonEntry>;
