/**
 * Reasons about a request that cannot be taken as it is: its form, its size, its fields. Such a request never reaches
 * the policy. Order is precedence.
 *
 * Deliberately absent: what depends on anything but the request itself; that is in `request-state.ts`.
 */

import { APP_PROBLEM, type ReasonEntry } from './entry.ts';

export const REQUEST = {
  malformed_request: {
    code: 'malformed_request',
    title: 'Malformed request',
    category: 'access',
    http: 400,
    smtp: { reply: 554, enhanced: '5.6.0' },
    retryable: false,
    clearsBy: ['caller'],
    clearsAt: 'Never by itself; the request must change.',
    fault: 'caller',
    detail: 'The request could not be read[: {problem}][ (at byte {position})][ (key "{key}")].',
    fix: 'Send a body that is valid UTF-8 and valid JSON, with each key once.',
    explanation:
      'The body is not JSON that has one meaning: its syntax is wrong, it is not valid UTF-8, or an object has the same key twice. Duplicate keys are refused because readers disagree on which one counts. Build the body with a JSON library, not by joining strings.',
    customerMessage: APP_PROBLEM,
    words: {
      problem: {
        invalid_json: 'the body is not valid JSON',
        invalid_utf8: 'the body is not valid UTF-8',
        duplicate_key: 'an object has the same key twice',
        empty_body: 'the body is empty',
        invalid_mime: 'the message is not valid MIME',
      },
    },
    evidence: {
      problem: '`invalid_json`, `invalid_utf8`, `duplicate_key`, `empty_body` or `invalid_mime`',
      position: 'the byte offset of the problem, where known',
      key: 'the key that stands twice',
    },
    example: () => ({ scope: null, clearsAt: null, evidence: { problem: 'invalid_json', position: 118 } }),
  },
  unsupported_media_type: {
    code: 'unsupported_media_type',
    title: 'Unsupported media type',
    category: 'access',
    http: 415,
    smtp: { reply: 554, enhanced: '5.6.1' },
    retryable: false,
    clearsBy: ['caller'],
    clearsAt: 'Never by itself; the request must change.',
    fault: 'caller',
    detail:
      '[The Content-Encoding {content_encoding} is not accepted|The Content-Type {content_type} is not accepted|The Content-Type is missing or not accepted][; this route takes {accepted}].',
    fix: 'Send the body uncompressed, with a Content-Type that the route accepts, usually `application/json`.',
    explanation:
      'The body has a media type that this route does not read, or it is compressed. Compressed bodies are refused on every route, because a small one can unpack to a very large one.',
    customerMessage: APP_PROBLEM,
    evidence: {
      content_type: 'the Content-Type that was sent',
      content_encoding: 'the Content-Encoding that was sent',
      accepted: 'the media types this route takes',
    },
    example: () => ({
      scope: null,
      clearsAt: null,
      evidence: { content_type: 'text/plain', accepted: ['application/json'] },
    }),
  },
  method_not_allowed: {
    code: 'method_not_allowed',
    title: 'Method not allowed',
    category: 'access',
    http: 405,
    smtp: { reply: 502, enhanced: '5.5.1' },
    retryable: false,
    clearsBy: ['caller'],
    clearsAt: 'Never by itself; the request must change.',
    fault: 'caller',
    detail: 'This path does not take [{method}|this method][; it takes {allowed}].',
    fix: 'Use one of the methods named in the `Allow` header.',
    explanation:
      'The path exists, but not with this HTTP method. The answer carries an `Allow` header with the methods it takes. A redirect that turned a POST into a GET on the way is a common cause.',
    customerMessage: APP_PROBLEM,
    evidence: { method: 'the method that was sent', allowed: 'the methods this path takes' },
    example: () => ({ scope: null, clearsAt: null, evidence: { method: 'DELETE', allowed: ['GET', 'POST'] } }),
  },
  request_timeout: {
    code: 'request_timeout',
    title: 'Request arrived too slowly',
    category: 'access',
    http: 408,
    smtp: { reply: 421, enhanced: '4.4.2' },
    retryable: true,
    clearsBy: ['time'],
    clearsAt: 'No fixed time; a new connection may be opened at once.',
    fault: 'caller',
    detail: 'The [{phase} of the request|request] did not arrive in time[: {received_bytes} in {waited_seconds}].',
    fix: 'Send the request again over a new connection, with the same Idempotency-Key.',
    explanation:
      'Headers must arrive within 10 seconds. A body must keep up 32 kB/s after its first 10 seconds and be complete within 15 minutes. The request was not processed and nothing was stored. When this happens often, upload attachments first with `POST /v1/attachments` and look for a slow link or a client that opens connections too early.',
    customerMessage: 'The connection was too slow and the message was not sent. Please try again.',
    words: { phase: { headers: 'headers', body: 'body' } },
    evidence: {
      phase: '`headers` or `body`',
      waited_seconds: 'how long Postern waited',
      received_bytes: 'how much of it had arrived',
    },
    example: () => ({
      scope: null,
      clearsAt: null,
      evidence: { phase: 'body', waited_seconds: 12, received_bytes: 48_000 },
    }),
  },
  validation_failed: {
    code: 'validation_failed',
    title: 'Validation failed',
    category: 'access',
    http: 422,
    smtp: { reply: 554, enhanced: '5.6.0' },
    retryable: false,
    clearsBy: ['caller'],
    clearsAt: 'Never by itself; the request must change.',
    fault: 'caller',
    detail:
      '[{issues:problem} in the request|The request has fields that are missing or wrong][; the first: `{param}`: {message}].',
    fix: 'Correct every field that is named and send the request again.',
    explanation:
      'The body is JSON, but one or more fields are missing, unknown or not as the schema says. `errors` lists all of them at once, each with a code, the path of the field and a sentence. Unknown fields are refused, so that a typing error is noticed and not ignored. The schema of every route is in `/openapi.json`.',
    customerMessage: APP_PROBLEM,
    evidence: {
      issues: 'how many problems there are',
      param: 'the path of the first field',
      message: 'what is wrong with it',
    },
    example: () => ({
      scope: null,
      clearsAt: null,
      evidence: { issues: 2, param: 'to[0].email', message: 'is not an e-mail address' },
    }),
  },
  attachment_rejected: {
    code: 'attachment_rejected',
    title: 'Attachment rejected',
    category: 'access',
    http: 422,
    smtp: { reply: 554, enhanced: '5.7.1' },
    retryable: false,
    clearsBy: ['caller'],
    clearsAt: 'Never by itself; the attachment must change.',
    fault: 'caller',
    detail: 'The attachment[ "{filename}"] cannot be sent[: {problem}][ (type: {detected_type})].',
    fix: 'Remove the attachment, or send the file as a link or in a type that is allowed.',
    explanation:
      'An attachment is of a kind that Postern does not send, or its bytes cannot be used. Executable types are refused whatever their name says, also inside archives as far as these can be read, since most receivers refuse them too. An `attachment_id` is valid for 24 hours after its upload. Content given in the body must be base64.',
    customerMessage:
      'An attached file could not be sent, because its type is not allowed or the file could not be read. Please remove it or use another format.',
    words: {
      problem: {
        executable: 'executable files are not sent',
        not_found: 'no upload with this id is stored, or it has expired',
        undecodable: 'the content is not valid base64',
        too_many: 'a message may have at most 10 attachments',
        invalid_filename: 'the file name has characters that are not allowed',
      },
    },
    evidence: {
      filename: 'the name of the file',
      problem: '`executable`, `not_found`, `undecodable`, `too_many` or `invalid_filename`',
      detected_type: 'the type found in the bytes or the name',
    },
    example: () => ({
      scope: null,
      clearsAt: null,
      evidence: { filename: 'invoice.pdf.exe', problem: 'executable', detected_type: 'application/x-msdownload' },
    }),
  },
  payload_too_large: {
    code: 'payload_too_large',
    title: 'Payload too large',
    category: 'access',
    http: 413,
    smtp: { reply: 552, enhanced: '5.3.4' },
    retryable: false,
    clearsBy: ['caller'],
    clearsAt: 'Never by itself; the request must become smaller.',
    fault: 'caller',
    detail:
      'The request is larger than [the {limit_bytes} allowed here|allowed here][ ({received_bytes} received or announced)].',
    fix: 'Make the request smaller, or send a link in place of large attachments.',
    explanation:
      'A request may be 25 MB at most, attachments included. Base64 makes a file about a third larger, so roughly 18 MB of files fit into one message. Many receivers refuse messages above 20 or 25 MB anyway. A link to the file is the safer way.',
    customerMessage: 'The message is too large to be sent. Please use smaller files or send a link to them.',
    evidence: { limit_bytes: 'the most this route takes', received_bytes: 'the size announced, or received so far' },
    example: () => ({ scope: null, clearsAt: null, evidence: { limit_bytes: 25_000_000, received_bytes: 31_457_280 } }),
  },
  batch_too_large: {
    code: 'batch_too_large',
    title: 'Batch too large',
    category: 'access',
    http: 422,
    smtp: { reply: 554, enhanced: '5.5.3' },
    retryable: false,
    clearsBy: ['caller'],
    clearsAt: 'Never by itself; the batch must be split.',
    fault: 'caller',
    detail: '[The batch has {received:message}|The batch has too many messages][; at most {limit} are allowed].',
    fix: 'Split the batch into parts of at most 500 messages, each with its own Idempotency-Key.',
    explanation:
      'One batch takes up to 500 messages. None of this batch was accepted. Split it and send the parts one after another; the order inside each part is kept.',
    customerMessage: APP_PROBLEM,
    evidence: { limit: 'the most messages a batch may have', received: 'how many it had' },
    example: () => ({ scope: null, clearsAt: null, evidence: { limit: 500, received: 612 } }),
  },
} as const satisfies Record<string, ReasonEntry>;
