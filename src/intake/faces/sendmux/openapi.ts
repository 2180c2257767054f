/** What Sendmux's sending API takes here, as OpenAPI 3.1: `GET /openapi.json`, for everybody. */
import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { MAX_BODY_BYTES } from '../../../http/server.ts';
import { SENDMUX_WORDS } from './words.ts';

const text = (maxLength: number, minLength = 1): object => ({ type: 'string', minLength, maxLength });
const closed = (required: string[], properties: object): object => ({
  ...{ type: 'object', additionalProperties: false, required, properties },
});
const list = (items: object, maxItems: number, minItems = 0): object => ({ type: 'array', items, minItems, maxItems });
const ref = (name: string): object => ({ $ref: `#/components/schemas/${name}` });
const json = (schema: object): object => ({ 'application/json': { schema } });
const envelope = (data: object): object => ({
  ...{ type: 'object', required: ['ok', 'data', 'meta'] },
  properties: { ok: { const: true }, data, meta: ref('Meta') },
});

/** `missing_parameter` is no reason's own word: it is that of a request which lacks fields and nothing else. */
const WORDS = Object.values(SENDMUX_WORDS).flatMap(({ http, word }) => (http < 400 ? [] : [word]));
const CODES = [...new Set([...WORDS, 'missing_parameter'])].sort();
const ID = { type: 'string', pattern: '^eml_[a-z0-9]{24}$' };
const TIME = { type: 'string', format: 'date-time' };

const SCHEMAS = {
  Address: closed(['email'], { email: text(254), name: text(100, 0) }),
  Attachment: {
    oneOf: [
      closed(['attachment_id'], { attachment_id: { type: 'string' }, filename: text(255) }),
      closed(['filename', 'content'], {
        ...{ filename: text(255), content: { type: 'string', contentEncoding: 'base64' }, type: { type: 'string' } },
        encoding: { const: 'base64' },
      }),
    ],
  },
  Message: closed(['from', 'to', 'subject', 'html_body'], {
    ...{ from: ref('Address'), to: ref('Address'), subject: text(998), html_body: text(MAX_BODY_BYTES) },
    ...{ text_body: text(MAX_BODY_BYTES, 0), cc: list(ref('Address'), 49), bcc: list(ref('Address'), 49) },
    ...{ reply_to: ref('Address'), return_path: text(254, 3) },
    custom_headers: { type: 'object', propertyNames: { pattern: '^[Xx]-.' }, additionalProperties: text(500, 0) },
    attachments: list(ref('Attachment'), 10),
  }),
  Queued: {
    ...{ type: 'object', required: ['message_id', 'status'] },
    properties: { message_id: ID, status: { const: 'queued' } },
  },
  File: {
    ...{ type: 'object', required: ['attachment_id', 'filename', 'content_type', 'size_bytes', 'expires_at'] },
    properties: {
      ...{ attachment_id: { type: 'string' }, filename: { type: 'string' }, content_type: { type: 'string' } },
      ...{ size_bytes: { type: 'integer' }, expires_at: TIME },
    },
  },
  Meta: { type: 'object', required: ['request_id'], properties: { request_id: { type: 'string' }, message_id: ID } },
  Refusal: {
    ...{ type: 'object', required: ['ok', 'error', 'meta'] },
    properties: {
      ...{ ok: { const: false }, meta: ref('Meta') },
      error: {
        ...{ type: 'object', required: ['code', 'message', 'retryable'] },
        properties: {
          ...{ code: { enum: CODES }, message: { type: 'string' }, param: { type: 'string' } },
          ...{ retryable: { type: 'boolean' }, doc_url: { type: 'string' }, errors: { type: 'array' } },
        },
      },
    },
  },
};

const answers = (status: number, data: object): object => ({
  [status]: { description: 'Taken.', content: json(envelope(data)) },
  default: { description: 'Refused.', content: json(ref('Refusal')) },
});
const inQuery = (name: string, required: boolean): object => ({
  ...{ name, in: 'query', required, schema: { type: 'string' } },
});
const inPath = { name: 'id', in: 'path', required: true, schema: { type: 'string' } };
const KEY = { name: 'Idempotency-Key', in: 'header', schema: text(255) };
const bytes = { 'application/octet-stream': {} };
const upload = {
  type: 'object',
  required: ['upload_id', 'upload_url', 'method', 'headers', 'max_size_bytes', 'expires_at'],
};

const DOCUMENT = {
  openapi: '3.1.0',
  info: { title: 'Sendmux’s sending API, by Postern', version: '1' },
  servers: [{ url: '/compat/sendmux/api/v1' }],
  security: [{ key: [] }],
  paths: {
    '/emails/send': {
      post: {
        parameters: [KEY],
        requestBody: { content: json(ref('Message')) },
        responses: answers(200, ref('Queued')),
      },
    },
    '/emails/send/batch': {
      post: {
        parameters: [KEY],
        requestBody: { content: json(closed(['messages'], { messages: list(ref('Message'), 100, 1) })) },
        responses: answers(200, { type: 'object', required: ['summary', 'results'] }),
      },
    },
    '/emails/attachments': {
      post: {
        parameters: [inQuery('filename', true), inQuery('content_type', false)],
        ...{ requestBody: { content: bytes }, responses: answers(201, ref('File')) },
      },
    },
    '/emails/attachments/{id}': { get: { parameters: [inPath], responses: answers(200, ref('File')) } },
    '/emails/attachment-uploads': {
      post: {
        requestBody: {
          content: json(
            closed(['filename', 'size_bytes'], {
              ...{ filename: text(255), size_bytes: { type: 'integer', minimum: 1, maximum: MAX_BODY_BYTES } },
              ...{ content_type: { type: 'string' }, sha256: { type: 'string', pattern: '^[0-9a-fA-F]{64}$' } },
            }),
          ),
        },
        responses: answers(201, upload),
      },
    },
    '/emails/attachment-uploads/{id}': {
      put: {
        parameters: [
          inPath,
          { name: 'X-Sendmux-Upload-Token', in: 'header', required: true, schema: { type: 'string' } },
        ],
        ...{ security: [], requestBody: { content: bytes }, responses: answers(201, ref('File')) },
      },
    },
  },
  components: { schemas: SCHEMAS, securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
};

export function openapiRoute(server: FastifyInstance, base: string): void {
  const body = JSON.stringify(DOCUMENT);
  const etag = `W/"${createHash('sha256').update(body).digest('hex').slice(0, 32)}"`;
  server.get(`${base}/openapi.json`, { schema: { hide: true } }, (request, reply) => {
    reply.header('ETag', etag);
    if (request.headers['if-none-match'] === etag) return reply.code(304).send();
    return reply.type('application/json; charset=utf-8').send(body);
  });
}
