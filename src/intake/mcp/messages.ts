/**
 * The messages of a request, made ready for the protocol's package. It would wait without end for the answer to a request that its
 * own batch cancels or that shares its id, and it answers a call with broken arguments with a dump of its checks.
 */

type Message = { method?: unknown; id?: unknown; params?: unknown };
type Fields = Record<string, unknown>;

export type Ready =
  | {
      ok: true;
      body: unknown;
      /** Ids of calls whose arguments are no object: a result says so, since a model reads results. */
      broken: ReadonlySet<unknown>;
    }
  | { ok: false; message: string };

export function readyMessages(body: unknown): Ready {
  const broken = new Set<unknown>();
  if (!Array.isArray(body)) return { ok: true, body: readyMessage(body, broken), broken };
  if (body.length === 0) return { ok: false, message: 'Invalid Request: a batch holds a message at least.' };
  const ids = body.filter(isFields).flatMap(({ id }) => (id === undefined ? [] : [id]));
  if (new Set(ids).size < ids.length) {
    return { ok: false, message: 'Invalid Request: each request of a batch has an id of its own.' };
  }
  // Nothing of a batch is answered before the whole, so that there is nothing left to cancel.
  const kept = body.filter((one) => !isFields(one) || one['method'] !== 'notifications/cancelled');
  return { ok: true, body: kept.map((one) => readyMessage(one, broken)), broken };
}

function readyMessage(message: unknown, broken: Set<unknown>): unknown {
  if (!isFields(message) || message['method'] !== 'tools/call') return message;
  const { id, params } = message as Message;
  if (!isFields(params) || typeof params['name'] !== 'string') return { ...message, params: { name: '' } };
  // There are no tasks here, and who asks for one gets the plain answer.
  const { task: _task, arguments: args, ...rest } = params;
  if (args == null) return { ...message, params: rest };
  if (isFields(args)) return { ...message, params: { ...rest, arguments: args } };
  broken.add(id);
  return { ...message, params: rest };
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
