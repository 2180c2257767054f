import type { FaceDriver } from './driver.ts';

type Envelope = {
  ok?: boolean;
  data?: { message_id?: string };
  error?: { code?: string; message?: string; retryable?: boolean };
  meta?: { request_id?: string; message_id?: string };
};

export const sendmux: FaceDriver = {
  name: 'sendmux',
  send: (to, { idempotencyKey } = {}) => ({
    method: 'POST',
    path: '/compat/sendmux/api/v1/emails/send',
    body: {
      from: { email: 'acme@acme.example', name: 'Acme' },
      to: { email: to },
      subject: 'Hello',
      html_body: '<p>A plain word.</p>',
    },
    headers: { 'idempotency-key': idempotencyKey },
  }),
  authorize: (key) => ({ authorization: `Bearer ${key}` }),
  wordIn({ headers, body }) {
    const { ok, error, meta } = body as Envelope;
    const isEnvelope = typeof ok === 'boolean' && meta?.request_id === headers.get('x-request-id');
    if (!isEnvelope || headers.get('x-ratelimit-limit') !== '1800') return 'no envelope of Sendmux';
    if (ok) return null;
    const isWhole = typeof error?.message === 'string' && typeof error.retryable === 'boolean';
    return isWhole ? String(error.code) : 'not an error of Sendmux';
  },
  idIn: ({ body }) => (body as Envelope).data?.message_id ?? (body as Envelope).meta?.message_id ?? null,
  hasIdempotency: true,
};
