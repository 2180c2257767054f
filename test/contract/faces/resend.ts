import type { FaceDriver } from './driver.ts';

const FIELDS = ['name', 'message', 'statusCode'];

export const resend: FaceDriver = {
  name: 'resend',
  send: (to, { idempotencyKey } = {}) => ({
    method: 'POST',
    path: '/compat/resend/emails',
    body: { from: 'Acme <acme@acme.example>', to: [to], subject: 'Hello', text: 'A plain word.', unknown: 1 },
    headers: { 'idempotency-key': idempotencyKey },
  }),
  authorize: (key) => ({ authorization: `Bearer ${key}` }),
  wordIn({ status, body }) {
    const error = body as Record<string, unknown>;
    if (status < 300) return null;
    const isWhole = FIELDS.every((field) => error[field] !== undefined) && error['statusCode'] === status;
    return isWhole && typeof error['name'] === 'string' ? error['name'] : 'not an error of Resend';
  },
  idIn: ({ body }) => (body as { id?: string }).id ?? null,
  hasIdempotency: true,
};
