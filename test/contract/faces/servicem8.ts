import type { FaceDriver } from './driver.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/;

export const servicem8: FaceDriver = {
  name: 'servicem8',
  send: (to, { idempotencyKey } = {}) => ({
    method: 'POST',
    path: '/compat/servicem8/platform_service_email',
    body: { to, subject: 'Hello', textBody: 'A plain word.', unknown: 1 },
    headers: { 'idempotency-key': idempotencyKey },
  }),
  authorize: (key) => ({ authorization: `Bearer ${key}` }),
  wordIn({ body }) {
    const { errorCode, message, messageID, submittedAt } = body as Record<string, unknown>;
    const isWhole = typeof message === 'string' && UUID.test(String(messageID)) && TIME.test(String(submittedAt));
    if (!isWhole || typeof errorCode !== 'number') return 'no SendResult';
    return errorCode === 0 ? null : String(errorCode);
  },
  idIn: ({ body }) => (body as { messageID?: string }).messageID ?? null,
  hasIdempotency: true,
};
