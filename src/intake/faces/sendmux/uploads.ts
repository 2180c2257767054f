/**
 * Sendmux's presigned uploads: a file is announced with a key, and its bytes are put without one, by whoever has the token.
 *
 * What holds: the token says whose file it is and what it must be, sealed, so that nothing is stored until the bytes are there; an
 * upload has one attachment, whose id follows from its own, so that the same bytes put again change nothing and others are a conflict.
 */
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { decodeTypeId, encodeTypeId, newId } from '../../../base/ids.ts';
import { formatTime } from '../../../core/time.ts';
import type { Space } from '../../../data/store.ts';
import { MAX_BODY_BYTES } from '../../../http/server.ts';
import { answerWithOther } from '../../../http/wording.ts';
import type { IntakeDoor } from '../../door.ts';
import { FieldErrors, isFields, isGiven } from '../../field-errors.ts';
import { keepUpload } from '../../uploads.ts';
import { taken } from './answer.ts';
import { attachmentBody, type NamedFile, readBytes, readNamed, refuseFile } from './attachments.ts';
import { SENDMUX_LIMITS } from './rates.ts';

const TOKEN_HEADER = 'X-Sendmux-Upload-Token';
const OPEN_FOR_MS = 15 * 60_000;
const SHA256 = /^[0-9a-f]{64}$/i;

type Announced = NamedFile & Space & { size: number; sha256: string | null; until: number };
type ById = { Params: { id: string } };

export function uploadRoutes(server: FastifyInstance, door: IntakeDoor, base: string): void {
  const path = `${base}/emails/attachment-uploads`;
  const hidden = { schema: { hide: true } };
  const config = { scopes: ['send'] as const, requestLimits: SENDMUX_LIMITS };
  server.post(path, { ...hidden, config }, (request, reply) => announce(request, reply, door, path));
  server.register(async (own) => {
    own.removeAllContentTypeParsers();
    own.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    // Before the body is read, since anybody may ask.
    const onRequest = (request: FastifyRequest<ById>, reply: FastifyReply, done: () => void): void => {
      if (announcedBy(request, door) === null) refuseToken(request as FastifyRequest, reply, door);
      else done();
    };
    own.put<ById>(`${path}/:id`, { ...hidden, onRequest }, (request, reply) =>
      complete(request, reply, door, `${base}/emails/attachments`),
    );
  });
}

/** Where the gateway is, as its links have it. */
const rootOf = ({ problems: { docsBase } }: IntakeDoor): string => docsBase.slice(0, docsBase.indexOf('/docs/'));

const contextOf = (id: string): string => `sendmux-upload/${id}`;

function announce(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor, path: string): FastifyReply {
  const errors = new FieldErrors();
  const body = isFields(request.body) ? request.body : {};
  const { filename, content_type: contentType, size_bytes: size, sha256 } = body;
  const named = readNamed({ filename, contentType }, errors);
  if (!isGiven(size)) errors.add('missing_parameter', 'size_bytes', 'It is required.');
  else if (!Number.isInteger(size) || (size as number) < 1 || (size as number) > MAX_BODY_BYTES) {
    errors.invalid('size_bytes', `It must be a whole number from 1 to ${MAX_BODY_BYTES}.`);
  }
  if (isGiven(sha256) && !(typeof sha256 === 'string' && SHA256.test(sha256))) {
    errors.invalid('sha256', 'It must be a SHA-256 in hexadecimal digits.');
  }
  errors.unknown(body, KNOWN, '');
  if (named === null || errors.list.length > 0) return door.problems.invalid(request, reply, errors.list);
  const id = newId('upl');
  const { tenantNo, mode } = request.caller!.principal!;
  const until = Date.now() + OPEN_FOR_MS;
  const sum = typeof sha256 === 'string' ? sha256.toLowerCase() : null;
  const announced: Announced = { ...named, tenantNo, mode, size: size as number, sha256: sum, until };
  const token = Buffer.from(door.secrets.seal(Buffer.from(JSON.stringify(announced)), contextOf(id)));
  const data = {
    upload_id: id,
    upload_url: `${rootOf(door)}${path}/${id}`,
    method: 'PUT',
    headers: { 'Content-Type': named.contentType, [TOKEN_HEADER]: token.toString('base64url') },
    max_size_bytes: announced.size,
    expires_at: formatTime(Math.floor(until / 1000) * 1000),
  };
  return answerWithOther(reply, taken(request, data, 201));
}

const KNOWN: ReadonlySet<string> = new Set(['filename', 'size_bytes', 'content_type', 'sha256']);

/** What the token lets its bearer put under this id; null: nothing, or no longer. */
function announcedBy(request: FastifyRequest<ById>, { secrets }: IntakeDoor): Announced | null {
  const token = request.headers[TOKEN_HEADER.toLowerCase()];
  if (typeof token !== 'string' || decodeTypeId('upl', request.params.id) === null) return null;
  const plain = secrets.open(Buffer.from(token, 'base64url'), contextOf(request.params.id));
  const announced = plain === null ? null : (JSON.parse(Buffer.from(plain).toString()) as Announced);
  return announced !== null && announced.until > Date.now() ? announced : null;
}

function refuseToken(request: FastifyRequest, reply: FastifyReply, { problems }: IntakeDoor): FastifyReply {
  const detail = `The header ${TOKEN_HEADER} is not the token of this upload, or it has expired.`;
  const fix = 'Announce the file again, and put its bytes with the headers that are named then.';
  return problems.refuse(request, reply, 'insufficient_permissions', { detail, fix, param: TOKEN_HEADER });
}

async function complete(
  request: FastifyRequest<ById>,
  reply: FastifyReply,
  door: IntakeDoor,
  attachments: string,
): Promise<FastifyReply> {
  const announced = announcedBy(request, door);
  // It may have expired while the bytes came.
  if (announced === null) return refuseToken(request as FastifyRequest, reply, door);
  const errors = new FieldErrors();
  const bytes = readBytes(request, errors);
  const sum = bytes === null ? null : createHash('sha256').update(bytes).digest('hex');
  if (bytes !== null && bytes.length !== announced.size) {
    errors.invalid('size_bytes', `The file has ${bytes.length} octets; ${announced.size} were announced.`);
  } else if (bytes !== null && announced.sha256 !== null && announced.sha256 !== sum) {
    errors.invalid('sha256', 'The file has another SHA-256 than was announced.');
  }
  if (bytes === null || errors.list.length > 0) return refuseFile(request, reply, door, errors);
  const kept = await keepUpload(
    announced,
    door,
    { bytes, ...announced },
    encodeTypeId('att', decodeTypeId('upl', request.params.id)!),
  );
  if (kept.sha256 !== sum) {
    const detail = 'This upload was completed with other bytes.';
    return door.problems.refuse(request, reply, 'state_conflict', {
      detail,
      fix: 'Announce another upload for another file.',
    });
  }
  reply.header('Location', `${attachments}/${kept.id}`);
  return answerWithOther(reply, taken(request, attachmentBody(kept.id, announced), 201));
}
