import type { FaceDriver } from './driver.ts';

let sends = 0;

export const molted: FaceDriver = {
  name: 'molted',
  send: (to, { idempotencyKey } = {}) => {
    sends += 1;
    return {
      method: 'POST',
      path: '/compat/molted/v1/agent/request-send',
      body: {
        recipientEmail: to,
        templateId: '_default',
        dedupeKey: idempotencyKey ?? `send-${sends}`,
        payload: { subject: 'Hello', text: 'A plain word.' },
        unknown: 1,
      },
    };
  },
  authorize: (key) => ({ authorization: `Bearer ${key}` }),
  wordIn({ status, body }) {
    const { status: became, reason, error, message, policyTrace } = body as Record<string, unknown>;
    if (status !== 200) return typeof message === 'string' ? String(error) : 'not an error of Molted';
    if (typeof policyTrace !== 'object') return 'no trace';
    return became === 'blocked' ? String(reason) : null;
  },
  idIn: ({ body }) => (body as { requestId?: string }).requestId ?? null,
  hasIdempotency: false,
};
