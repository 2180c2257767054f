/** Molted's uploads: a file in base64, to be attached by its id for 24 hours. */
import type { FastifyRequest } from 'fastify';
import type { DecidedReason } from '../../../core/explain.ts';
import { decodeBase64 } from '../../attachments.ts';
import type { IntakeDoor } from '../../door.ts';
import type { Barred, Neighbour } from './neighbour.ts';

const MOST_UPLOADED = 10 * 1024 * 1024;
const UNPAID: ReadonlySet<string> = new Set(['subscription_expired', 'payment_overdue', 'trial_expired']);

export const UPLOAD: Neighbour = {
  ...{ method: 'POST', path: '/v1/attachments', status: 201 },
  bars,
  ask: ({ body: { filename, contentType, content, data } }) => {
    const base64 = content ?? data;
    const file = typeof base64 === 'string' && base64 !== '' ? decodeBase64(base64) : null;
    if (file === null || file.length > MOST_UPLOADED) {
      const message = 'It must be a file of at most 10 MB in base64 (RFC 4648 §4), with padding.';
      return { code: 'invalid_parameter', param: 'content', message };
    }
    const query = typeof filename === 'string' ? `?${new URLSearchParams({ filename })}` : '';
    const type = typeof contentType === 'string' ? contentType : 'application/octet-stream';
    const bytes = { content: Buffer.from(file), contentType: type };
    return { method: 'POST', url: `/v1/attachments${query}`, bytes };
  },
};

/** An account that is not paid for, or whose storage is full, is told so before it uploads what it could not send. */
async function bars(request: FastifyRequest, { store, problems }: IntakeDoor): Promise<Barred | null> {
  const { tenantId, mode } = request.caller!.principal!;
  const account = await store.account({ tenantId, mode });
  if (account === null) return null;
  const { tenant, storageUsed, storageLimit } = account;
  const scope = { kind: 'tenant', id: tenantId };
  const barred = (status: number, reason: DecidedReason): Barred => {
    const { code, detail, fix, type: docUrl } = problems.body(request, { reasons: [reason], messageId: null });
    const body = { statusCode: status, error: code, message: `${detail} ${fix}`, code, docUrl };
    return { reason: code, answer: { status, body } };
  };
  if (UNPAID.has(tenant.standing)) {
    const evidence = { standing: tenant.standing, ends_at: tenant.standingSince };
    return barred(402, { code: 'subscription_expired', scope, clearsAt: null, evidence });
  }
  if (storageLimit === null || storageUsed < storageLimit) return null;
  const evidence = { used_bytes: storageUsed, limit_bytes: storageLimit, needed_bytes: 1 };
  return barred(403, { code: 'storage_limit_exceeded', scope, clearsAt: null, evidence });
}
