import type { FaceDriver } from './driver.ts';

export const postmark: FaceDriver = {
  name: 'postmark',
  send: (to, { idempotencyKey } = {}) => ({
    method: 'POST',
    path: '/compat/postmark/email',
    body: { From: 'Acme <acme@acme.example>', To: to, Subject: 'Hello', TextBody: 'A plain word.', Unknown: 1 },
    headers: { 'idempotency-key': idempotencyKey },
  }),
  authorize: (key) => ({ 'x-postmark-server-token': key }),
  wordIn({ status, body }) {
    const { ErrorCode, Message } = body as { ErrorCode?: number; Message?: string };
    if (status < 300 && ErrorCode === 0) return null;
    return typeof ErrorCode === 'number' && typeof Message === 'string'
      ? String(ErrorCode)
      : 'not an error of Postmark';
  },
  idIn: ({ body }) => (body as { MessageID?: string }).MessageID ?? null,
  hasIdempotency: true,
};
