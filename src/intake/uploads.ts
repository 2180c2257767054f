/** Uploads: the bytes of a file as the body, to be attached by its id within 24 hours. */
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { formatTime } from '../core/time.ts';
import type { Space } from '../data/store.ts';
import { idText, time } from '../http/schemas.ts';
import { isProgram, readContentType } from './attachments.ts';
import { dispositionFilename } from './disposition.ts';
import type { IntakeDoor } from './door.ts';
import { type FieldError, FieldErrors } from './field-errors.ts';
import { defaultFilename, readFilename } from './filename.ts';

const uploadSchema = Type.Object(
  {
    id: idText('att'),
    filename: Type.String({ examples: ['q.pdf'] }),
    size: Type.Integer({ description: 'Octets.' }),
    content_type: Type.String({ examples: ['application/pdf'] }),
    sha256: Type.String(),
    expires_at: time('Until then it can be attached.'),
  },
  { title: 'Upload' },
);

const query = Type.Object(
  {
    filename: Type.Optional(
      Type.String({ maxLength: 4096, description: 'Its name; it takes the place of that in `Content-Disposition`.' }),
    ),
  },
  { additionalProperties: false },
);

type Upload = { Querystring: { filename?: string }; Body: Buffer | undefined };

/** In a context of its own, since here a body of any type is bytes. */
export function uploadRoute(server: FastifyInstance, door: IntakeDoor): void {
  server.register(async (own) => {
    own.removeAllContentTypeParsers();
    own.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    own.post<Upload>(
      '/v1/attachments',
      {
        config: { scopes: ['send'] },
        schema: {
          tags: ['Messages'],
          summary: 'Upload an attachment',
          description:
            'The body is the file, up to 25 MB, its type the `Content-Type`. The id is taken as `attachment_id` in sends for 24 hours.',
          consumes: ['application/octet-stream'],
          querystring: query,
          response: { 201: uploadSchema },
        },
      },
      (request, reply) => answerUpload(request, reply, door),
    );
  });
}

async function answerUpload(
  request: FastifyRequest<Upload>,
  reply: FastifyReply,
  door: IntakeDoor,
): Promise<FastifyReply> {
  const bytes = request.body;
  const errors = new FieldErrors();
  const filename = nameOf(request, errors);
  const contentType = readContentType(givenType(request), 'Content-Type', errors);
  if (bytes === undefined || bytes.length === 0) errors.invalid('', 'The body is the file, and there is none.');
  else if (isProgram(bytes)) errors.add('attachment_rejected', '', 'The file is a program, whatever its name.');
  if (errors.list.length > 0) return refuse(request, reply, door, errors.list);
  const file = { bytes: bytes!, filename, contentType: contentType! };
  const { id, sha256, expiresAt } = await keepUpload(request.caller!.principal!, door, file);
  const size = file.bytes.length;
  return reply
    .code(201)
    .send({ id, filename, size, content_type: file.contentType, sha256, expires_at: formatTime(expiresAt) });
}

function nameOf(request: FastifyRequest<Upload>, errors: FieldErrors): string {
  const given = request.query.filename ?? dispositionFilename(request.headers['content-disposition']);
  if (given === null) return defaultFilename;
  const reading = readFilename(given);
  if (reading.ok) return reading.filename;
  errors.add(reading.code, 'filename', reading.message);
  return defaultFilename;
}

/** What a form sends by default says nothing about the file. */
function givenType(request: FastifyRequest): string | undefined {
  const given = request.headers['content-type'];
  return given?.toLowerCase().startsWith('application/x-www-form-urlencoded') === true ? undefined : given;
}

function refuse(
  request: FastifyRequest,
  reply: FastifyReply,
  door: IntakeDoor,
  errors: readonly FieldError[],
): FastifyReply {
  const isRejected = errors.every(({ code }) => code === 'attachment_rejected');
  return door.problems.refuse(request, reply, isRejected ? 'attachment_rejected' : 'validation_failed', { errors });
}

export type UploadedFile = { bytes: Buffer; filename: string; contentType: string };

/** Stored for 24 hours, under `id` where it is given: what is kept under that one already stays, and `sha256` is of what is kept. */
export async function keepUpload(
  { tenantNo, mode }: Space,
  { store, blobs }: IntakeDoor,
  { bytes, filename, contentType }: UploadedFile,
  id: string | null = null,
): Promise<{ id: string; sha256: string; expiresAt: number }> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const release = blobs.hold([sha256]);
  try {
    await blobs.put(sha256, bytes);
    const file = { sha256, size: bytes.length, filename, contentType };
    const { unused, ...kept } = await store.putUpload({ id, tenantNo, mode, ...file });
    await blobs.removeUnused(unused, (sha256s) => store.unusedBlobs({ sha256s }));
    return kept;
  } finally {
    release();
  }
}
