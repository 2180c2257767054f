import assert from 'node:assert/strict';
import type { FaceDriver } from './driver.ts';

type Row = { to: string; reason: string; detail: string };

export const inboxbase: FaceDriver = {
  name: '12m',
  async prepare({ fetchJson }) {
    const identity = { handle: 'sales.acme@inboxbase.test', from: 'Acme <acme@acme.example>' };
    const made = await fetchJson('POST', '/v1/identities', identity);
    assert.equal(made.status, 201, JSON.stringify(made.body));
  },
  send: (to, { idempotencyKey } = {}) => ({
    method: 'POST',
    path: `/compat/12m/v1/identities/${encodeURIComponent('sales.acme@inboxbase.test')}/send`,
    body: { to, subject: 'Hello', text: 'A plain word.', unknown: 1 },
    headers: { 'idempotency-key': idempotencyKey },
  }),
  authorize: (key) => ({ authorization: `Bearer ${key}` }),
  wordIn({ status, headers, body }) {
    if (status < 300) return null;
    const { error, accepted, rejected } = body as { error?: string; accepted?: number; rejected?: Row[] };
    if (typeof error === 'string') return error;
    const [row] = rejected ?? [];
    const isWhole = accepted === 0 && row?.detail === headers.get('x-postern-reason');
    return isWhole ? row!.reason : 'not an answer of 12m';
  },
  idIn: ({ body }) => (body as { convId?: string }).convId ?? null,
  hasIdempotency: true,
};
