/**
 * The hook by which any other program tells what came back: a signed list, answered item by item.
 *
 * What holds: nothing is read of a call before its signature is good; a call that comes twice is carried out once, and one that broke
 * off goes on where it broke off; one bad item harms no other. Whoever has the secret is believed as far as the tenant
 * itself is, since the tenant made it.
 */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { HOOK_TOLERANCE_MS, hookFault } from '../base/hook-signature.ts';
import { parseJson } from '../base/json.ts';
import type { Secrets } from '../base/secrets.ts';
import { BOUNCE_CLASSES, type BounceClass } from '../core/reasons.ts';
import { isHardBounce } from '../core/returns.ts';
import { parseTime } from '../core/time.ts';
import type { HookedReturn, ReturnHookKey } from '../data/port/return-hooks.ts';
import type { ReturnAnswer } from '../data/port/returns.ts';
import type { Store } from '../data/store.ts';
import type { Problems } from '../http/problems.ts';
import { idText, oneOf, orNull, recipientStatus } from '../http/schemas.ts';
import type { ReadBounce } from './classify-return.ts';
import { readReply, stageIn } from './reply-text.ts';
import { REPORT_FIELDS, type ReportBody } from './report-body.ts';

export type HookParts = {
  store: Pick<Store, 'returnHookKey' | 'reportHooked'>;
  secrets: Secrets;
  problems: Problems;
  readBounce: ReadBounce;
  /** The one key of an address, or null where it is none. */
  addressKey: (text: string) => string | null;
};

const MAX_BYTES = 1024 * 1024;
const MOST_ITEMS = 500;
/** Carried out in one transaction: a report by address alone may look far back, and others wait meanwhile. */
const ITEMS_AT_ONCE = 10;

const item = Type.Object(
  {
    ...REPORT_FIELDS,
    class: Type.Optional(oneOf(Object.keys(BOUNCE_CLASSES), { description: 'Of a bounce.' })),
    reply: Type.Optional(
      Type.String({
        maxLength: 2000,
        description: 'Of a bounce without `class`: what the receiving server said, from which the class is read.',
      }),
    ),
  },
  { additionalProperties: false },
);

type Item = ReportBody & { reply?: string };

const OUTCOMES = [
  'applied',
  'known',
  'replayed',
  'not_found',
  'ambiguous',
  'impossible_time',
  'conflict',
  'invalid',
] as const;
type Outcome = (typeof OUTCOMES)[number];

const answered = Type.Object({
  data: Type.Array(
    Type.Object({
      outcome: oneOf(OUTCOMES, {
        description:
          '`known`: nothing new. `replayed`: this call came before. `ambiguous`: the message has several recipients, name one. `conflict`: nothing has left for this recipient.',
      }),
      detail: orNull(Type.String(), { description: 'What is wrong, where something is.' }),
      message_id: orNull(idText('msg')),
      recipient_id: orNull(idText('rcp')),
      status: orNull(recipientStatus),
      event: orNull(Type.Object({ id: idText('evt'), seq: Type.Integer(), type: Type.String() })),
      suppression: orNull(Type.Object({ id: idText('sup'), reason: Type.String() })),
    }),
    { description: 'What became of each item, in their order.' },
  ),
});

type Signed = FastifyRequest<{ Params: { id: string }; Body: Item[] }> & {
  hookBody?: Uint8Array;
  hook?: ReturnHookKey;
};

export function hookRoutes(server: FastifyInstance, parts: HookParts): void {
  // In a scope of its own: only here the octets of the body are kept, since they are signed.
  server.register(async (scope) => {
    scope.removeContentTypeParser(/^application\/(?:[\w.+-]+\+)?json(?:\s*;.*)?$/i);
    scope.addContentTypeParser(
      /^application\/json(?:\s*;.*)?$/i,
      { parseAs: 'buffer', bodyLimit: MAX_BYTES },
      (request, body, done) => {
        (request as Signed).hookBody = body as Buffer;
        const read = parseJson(body as Buffer, { maxDepth: 4 });
        if (read.ok) return done(null, read.value);
        done(Object.assign(new Error(read.message), { code: 'POSTERN_MALFORMED' }) as FastifyError);
      },
    );
    scope.post<{ Params: { id: string }; Body: Item[] }>(
      '/v1/returns/hook/:id',
      {
        bodyLimit: MAX_BYTES,
        // What is wrong with one item is said at that item.
        attachValidation: true,
        preValidation: (request, reply) => checkSignature(request as Signed, reply, parts),
        schema: {
          tags: ['Returns'],
          summary: 'Tell a hook what came back',
          description:
            'Needs no key but a signature as Standard Webhooks 1.0 has it: `webhook-id`, `webhook-timestamp` (within five minutes) and `webhook-signature` (`v1,` and base64 of HMAC-SHA-256 over `id.timestamp.body` under the secret of the hook). A call whose `webhook-id` came before changes nothing. What is told counts like `POST /v1/returns`.',
          params: Type.Object({ id: Type.String({ maxLength: 100 }) }),
          body: Type.Array(item, { minItems: 1, maxItems: MOST_ITEMS }),
          response: { 200: answered },
        },
      },
      (request) => carryOut(request as Signed, parts),
    );
  });
}

async function checkSignature(
  request: Signed,
  reply: FastifyReply,
  parts: HookParts,
): Promise<FastifyReply | undefined> {
  const { store, secrets, problems } = parts;
  const { id } = request.params;
  const hook = await store.returnHookKey({ id });
  const header = (name: string): string => String(request.headers[name] ?? '');
  const secret = hook === null ? null : secrets.open(hook.sealed, `return-hook/${id}`);
  if (hook === null || secret === null) {
    return problems.refuse(request, reply, 'not_found', { evidence: { resource: 'hook', id: id.slice(0, 100) } });
  }
  const fault = hookFault(
    Buffer.from(secret).toString(),
    { id: header('webhook-id'), timestamp: header('webhook-timestamp'), signature: header('webhook-signature') },
    request.hookBody ?? new Uint8Array(),
    Date.now(),
  );
  if (fault === null) {
    request.hook = hook;
    return undefined;
  }
  reply.header('WWW-Authenticate', 'Signature');
  return problems.refuse(request, reply, 'authentication_required', {
    detail: `The call is not signed as it must be: ${fault}.`,
    fix: 'Sign id, timestamp and the exact octets of the body with the secret of this hook.',
  });
}

type Told = Record<string, unknown> & { outcome: Outcome };

async function carryOut(request: Signed, { store, readBounce, addressKey }: HookParts): Promise<{ data: Told[] }> {
  const flaws = flawsByItem(request);
  const { no, tenantNo, mode } = request.hook!;
  const name = String(request.headers['webhook-id']);
  const forgetBefore = Date.now() - 2 * HOOK_TOLERANCE_MS - 60_000;
  const data: Told[] = [];
  for (let from = 0; from < request.body.length; from += ITEMS_AT_ONCE) {
    const read = request.body
      .slice(from, from + ITEMS_AT_ONCE)
      .map((one, i) => flaws.get(from + i) ?? readItem(one, readBounce, addressKey));
    const returns = read.filter((one) => typeof one !== 'string');
    const part = { tenantNo, mode, hook: no, name: `${name} ${from}`, forgetBefore, returns };
    const answers = (await store.reportHooked(part))?.values() ?? null;
    for (const one of read) {
      if (typeof one === 'string') data.push(told('invalid', one));
      else data.push(answers === null ? told('replayed', null) : toldOf(answers.next().value!));
    }
  }
  return { data };
}

/** The first flaw of each item that has one. @throws where the list itself is not one. */
function flawsByItem({ body, validationError }: Signed): Map<number, string> {
  const flaws = new Map<number, string>();
  if (validationError === undefined) return flaws;
  if (!Array.isArray(body) || body.length === 0 || body.length > MOST_ITEMS) throw validationError;
  for (const { instancePath, message = 'is not what it must be', params } of validationError.validation) {
    const [, index, field] = instancePath.split('/');
    const extra = params['additionalProperty'];
    const about = field ?? (extra === undefined ? 'The item' : String(extra).slice(0, 100));
    if (index === undefined || flaws.has(Number(index))) continue;
    flaws.set(Number(index), extra === undefined ? `${about} ${message}.` : `There is no field ${about}.`);
  }
  return flaws;
}

/** What is wrong with it, in words, or what it reports. */
function readItem(
  { kind, message_id: messageId, email, at, class: given, reply }: Item,
  readBounce: ReadBounce,
  addressKey: HookParts['addressKey'],
): HookedReturn | string {
  const key = email === undefined ? null : addressKey(email);
  if (messageId === undefined && email === undefined) return 'Name a message or an address.';
  if (email !== undefined && key === null) return '`email` is no e-mail address.';
  if (kind !== 'bounce' && (given !== undefined || reply !== undefined)) return 'Only a bounce has a class or a reply.';
  const time = at === undefined ? null : parseTime(at);
  if (at !== undefined && time === null) return '`at` is no time as RFC 3339 has it.';
  const read = given ?? (reply === undefined ? 'unknown' : classIn(reply, readBounce));
  return { kind, messageId: messageId ?? null, email: key === null ? null : { key }, at: time, class: read };
}

/** A class that suppresses is taken from words alone where these say surely that the address is at fault. */
function classIn(reply: string, readBounce: ReadBounce): BounceClass {
  const bounce = readBounce(readReply(reply), stageIn(reply));
  return isHardBounce(bounce.class) && !bounce.suppress ? 'unknown' : bounce.class;
}

function told(outcome: Outcome, detail: string | null): Told {
  return { outcome, detail, message_id: null, recipient_id: null, status: null, event: null, suppression: null };
}

function toldOf(answer: ReturnAnswer): Told {
  switch (answer.outcome) {
    case 'applied':
    case 'known': {
      const { outcome, messageId, recipientId, status, event, suppression } = answer;
      return { outcome, detail: null, message_id: messageId, recipient_id: recipientId, status, event, suppression };
    }
    case 'not_found':
      return told('not_found', `No such ${answer.resource}.`);
    case 'ambiguous':
      return told('ambiguous', 'The message has several recipients: name the one in `email`.');
    case 'impossible_time':
      return told('impossible_time', '`at` must lie between the message and now.');
    case 'conflict':
      return told('conflict', `Nothing has left for this recipient: it is ${answer.state}.`);
  }
}
