/** Sendmux's uploads: the bytes of a file as the body, to be attached by their id for 24 hours. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { decodeTypeId } from '../../../base/ids.ts';
import type { Issue } from '../../../core/explain.ts';
import { formatTime } from '../../../core/time.ts';
import { answerWithOther } from '../../../http/wording.ts';
import { isProgram, readContentType } from '../../attachments.ts';
import type { IntakeDoor } from '../../door.ts';
import { FieldErrors } from '../../field-errors.ts';
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
  const bytes = request.body as Buffer | undefined;
  if (filename === undefined || filename === '') {
    const message = 'Name the file in the query.';
    return door.problems.invalid(request, reply, [{ code: 'missing_parameter', param: 'filename', message }]);
  }
  const errors = new FieldErrors();
  const name = readFilename(filename);
  if (!name.ok) errors.add(name.code, 'filename', name.message);
  const contentType = readContentType(type ?? request.headers['content-type'], 'content_type', errors);
  if (bytes === undefined || bytes.length === 0) errors.invalid('', 'The body is the file, and there is none.');
  else if (isProgram(bytes)) errors.add('attachment_rejected', '', 'The file is a program, whatever its name.');
  if (errors.list.length > 0 || !name.ok) {
    const isRejected = errors.list.every(({ code }) => code === 'attachment_rejected');
    const issues: Issue[] = errors.list;
    const code = isRejected ? 'attachment_rejected' : 'validation_failed';
    return door.problems.refuse(request, reply, code, { errors: issues });
  }
  const file = { bytes: bytes!, filename: name.filename, contentType: contentType! };
  const { id } = await keepUpload(request, door, file);
  reply.header('Location', `${path}/${id}`);
  const shown = { filename: file.filename, contentType: file.contentType, size: file.bytes.length };
  return answerWithOther(reply, taken(request, attachmentBody(id, shown), 201));
}

function attachmentBody(
  id: string,
  { filename, contentType, size }: { filename: string; contentType: string; size: number },
): object {
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
