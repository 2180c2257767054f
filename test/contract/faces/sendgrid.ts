import type { FaceDriver } from './driver.ts';

export const sendgrid: FaceDriver = {
  name: 'sendgrid',
  send: (to, { idempotencyKey } = {}) => ({
    method: 'POST',
    path: '/compat/sendgrid/v3/mail/send',
    body: {
      personalizations: [{ to: [{ email: to }] }],
      from: { email: 'acme@acme.example', name: 'Acme' },
      subject: 'Hello',
      content: [{ type: 'text/plain', value: 'A plain word.' }],
      unknown: 1,
    },
    headers: { 'idempotency-key': idempotencyKey },
  }),
  authorize: (key) => ({ authorization: `Bearer ${key}` }),
  wordIn({ status, body }) {
    if (status < 300) return null;
    const [first] = (body as { errors?: { message?: string; field?: string; help?: string }[] }).errors ?? [];
    if (typeof first?.message !== 'string' || typeof first.help !== 'string') return 'not an error of SendGrid';
    // A refusal names the personalization that it is about.
    return first.field?.replace('personalizations.0', 'personalizations') ?? null;
  },
  idIn: ({ headers }) => headers.get('x-message-id'),
  hasIdempotency: true,
};
