/** Sendmux's uploads: the bytes of a file as the body, to be attached by their id for 24 hours. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { decodeTypeId } from '../../../base/ids.ts';
import { formatTime } from '../../../core/time.ts';
import { answerWithOther } from '../../../http/wording.ts';
import { isProgram, readContentType } from '../../attachments.ts';
import type { IntakeDoor } from '../../door.ts';
import { FieldErrors, isGiven } from '../../field-errors.ts';
import { readFilename } from '../../filename.ts';
import { keepUpload } from '../../uploads.ts';
import { taken } from './answer.ts';
import { SENDMUX_LIMITS } from './rates.ts';

const KEPT_MS = 24 * 3_600_000;

/** In a context of its own, since here a body of any type is bytes. */
export function attachmentRoutes(server: FastifyInstance, door: IntakeDoor, base: string): void {
  const path = `${base}/emails/attachments`;
  const common = { schema: { hide: true }, config: { scopes: ['send'] as const, requestLimits: SENDMUX_LIMITS } };
  server.register(async (own) => {
    own.removeAllContentTypeParsers();
    own.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    own.post(path, common, (request, reply) => upload(request, reply, door, path));
  });
  server.get<{ Params: { id: string } }>(`${path}/:id`, common, (request, reply) => show(request, reply, door));
}

async function upload(
  request: FastifyRequest,
  reply: FastifyReply,
  door: IntakeDoor,
  path: string,
): Promise<FastifyReply> {
  const { filename, content_type: type } = request.query as { filename?: string; content_type?: string };
  const errors = new FieldErrors();
  const named = readNamed({ filename, contentType: type ?? request.headers['content-type'] }, errors);
  const bytes = readBytes(request, errors);
  if (named === null || bytes === null) return refuseFile(request, reply, door, errors);
  const { id } = await keepUpload(request.caller!.principal!, door, { bytes, ...named });
  reply.header('Location', `${path}/${id}`);
  return answerWithOther(reply, taken(request, attachmentBody(id, { ...named, size: bytes.length }), 201));
}

export type NamedFile = { filename: string; contentType: string };

/** Null: what is wrong stands in `errors`. */
export function readNamed(given: { filename: unknown; contentType: unknown }, errors: FieldErrors): NamedFile | null {
  const known = errors.list.length;
  const { filename } = given;
  let name: string | null = null;
  if (!isGiven(filename) || filename === '') errors.add('missing_parameter', 'filename', 'A file has a name.');
  else if (typeof filename !== 'string') errors.invalid('filename', 'It must be a string.');
  else {
    const read = readFilename(filename);
    if (read.ok) name = read.filename;
    else errors.add(read.code, 'filename', read.message);
  }
  const contentType = readContentType(given.contentType, 'content_type', errors);
  return errors.list.length > known ? null : { filename: name!, contentType: contentType! };
}

/** The body, which is the file. Null: what is wrong stands in `errors`. */
export function readBytes({ body }: FastifyRequest, errors: FieldErrors): Buffer | null {
  const bytes = body as Buffer | undefined;
  if (bytes === undefined || bytes.length === 0) errors.invalid('', 'The body is the file, and there is none.');
  else if (isProgram(bytes)) errors.add('attachment_rejected', '', 'The file is a program, whatever its name.');
  else return bytes;
  return null;
}

export function refuseFile(
  request: FastifyRequest,
  reply: FastifyReply,
  { problems }: IntakeDoor,
  { list }: FieldErrors,
): FastifyReply {
  const isRejected = list.every(({ code }) => code === 'attachment_rejected');
  return problems.refuse(request, reply, isRejected ? 'attachment_rejected' : 'validation_failed', { errors: list });
}

export function attachmentBody(
  id: string,
  { filename, contentType, size }: NamedFile & { size: number },
): Record<string, unknown> {
  // The first 48 bits of an id are the milliseconds at which it was made (RFC 9562 §5.7).
  const madeAt = Buffer.from(decodeTypeId('att', id)!).readUIntBE(0, 6);
  return {
    attachment_id: id,
    filename,
    content_type: contentType,
    size_bytes: size,
    expires_at: formatTime(Math.floor((madeAt + KEPT_MS) / 1000) * 1000),
  };
}

async function show(
  request: FastifyRequest<{ Params: { id: string } }>,
  reply: FastifyReply,
  door: IntakeDoor,
): Promise<FastifyReply> {
  const { id } = request.params;
  const { tenantNo, mode } = request.caller!.principal!;
  const file = (await door.store.attachments({ tenantNo, mode, ids: [id] })).get(id);
  if (file !== undefined) return answerWithOther(reply, taken(request, attachmentBody(id, file)));
  const evidence = { resource: 'attachment', id: id.slice(0, 100) };
  return door.problems.refuse(request, reply, 'not_found', { evidence });
}
