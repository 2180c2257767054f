/**
 * What a command beside the gateway may ask of it: through the socket in the data folder while it runs, or in the
 * command's own process when it does not. Whoever can reach the folder is its owner, so no key is asked for.
 *
 * One line of JSON in, one line of JSON out, then the connection ends.
 */
import { connect, type Socket } from 'node:net';
import { makeKey } from './base/api-key.ts';
import { socketPath } from './base/data-lock.ts';
import { newId } from './base/ids.ts';
import type { ExplainOptions } from './core/explain.ts';
import type { Mode } from './core/message.ts';
import { formatTime } from './core/time.ts';
import type { KeyRow, KeyScope, Principal, Store } from './data/store.ts';
import { checkedText, submittedText } from './intake/plain-outcome.ts';
import type { Policies } from './intake/policies.ts';
import type { Intake } from './intake/submit.ts';
import type { Rotated } from './keyring.ts';

export type ControlRequest =
  | { command: 'keys.create'; tenant: string | null; mode: Mode; scopes: KeyScope[]; name: string | null }
  | { command: 'keys.list'; tenant: string | null }
  | { command: 'keys.revoke'; id: string }
  | { command: 'doctor' }
  | { command: 'secrets.rotate'; secret: string | null }
  | { command: 'send' | 'check'; tenant: string | null; mode: Mode; body: unknown; idempotencyKey: string | null };

export type ControlReply =
  | { ok: true; output: unknown }
  /** `refused`: the policy said no; `invalid`: the input is wrong. */
  | { ok: false; cause: 'invalid' | 'refused'; message: string; output?: unknown };

export type ControlParts = {
  store: Store;
  intake: Intake;
  policies: Policies;
  texts: () => ExplainOptions & { locale: string };
  forgetKeys: () => void;
  /** Puts a new master secret in the place of the current one. */
  rotateSecret: (secret: string | null) => Promise<Rotated>;
  /** The record under which the world finds the gateway's DKIM key; absent where no gateway runs. */
  dkimRecord?: () => Promise<{ name: string; value: string }>;
};

const MOST_BYTES = 40 * 1024 * 1024;

export async function control(parts: ControlParts, request: ControlRequest): Promise<ControlReply> {
  const { store } = parts;
  if (request.command === 'keys.revoke') {
    const revoked = await store.revokeKey({ id: request.id, actor: 'command' });
    parts.forgetKeys();
    return revoked
      ? { ok: true, output: { id: request.id, revoked: true } }
      : invalid(`No key has the id ${request.id}.`);
  }
  if (request.command === 'doctor') {
    return { ok: true, output: { health: await store.health(), dkim: (await parts.dkimRecord?.()) ?? null } };
  }
  if (request.command === 'secrets.rotate') {
    const rotated = await parts.rotateSecret(request.secret);
    return rotated.ok ? { ok: true, output: rotated } : invalid(rotated.message);
  }
  const id = request.tenant ?? (await store.setting({ name: 'first_tenant' }));
  const tenant = id === null ? null : await store.tenantById({ id });
  if (tenant === null) return invalid(`No tenant has the id ${id ?? '(none yet: start the gateway once)'}.`);
  if (request.command === 'keys.list') {
    const keys = await store.keysOfTenant({ tenantNo: tenant.no });
    return { ok: true, output: { data: keys.map(keyBody) } };
  }
  if (request.command === 'keys.create') {
    const made = makeKey(request.mode);
    const created = await store.createKey({
      id: newId('key'),
      prefix: made.prefix,
      hash: made.hash,
      name: request.name,
      scopes: request.scopes,
      mode: request.mode,
      tenantId: tenant.id,
      appId: null,
      expiresAt: null,
      allowIps: [],
      identities: [],
      agent: null,
      actor: 'command',
    });
    if (!created.ok) return invalid(`The key could not be made: no such ${created.missing}.`);
    return { ok: true, output: { ...keyBody(created.key), key: made.key } };
  }
  const installation = await store.defaultInstallation({ tenantNo: tenant.no });
  const principal: Principal = {
    tenantNo: tenant.no,
    tenantId: tenant.id,
    mode: request.mode,
    ...installation,
    keyNo: 0,
  };
  const input = {
    principal,
    requestId: newId('req'),
    agent: null,
    identities: [],
    body: request.body,
    idempotencyKey: request.idempotencyKey,
  };
  const texts = parts.texts();
  if (request.command === 'check') return checkedText(await parts.intake.check(input), parts.policies, texts);
  return submittedText(await parts.intake.submit(input), parts.policies, texts, input.requestId);
}

function invalid(message: string): ControlReply {
  return { ok: false, cause: 'invalid', message };
}

function keyBody(key: KeyRow): Record<string, unknown> {
  return {
    id: key.id,
    prefix: key.prefix,
    name: key.name,
    mode: key.mode,
    scopes: key.scopes,
    tenant: key.tenantId,
    created_at: formatTime(key.createdAt),
    last_used_at: key.lastUsedAt === null ? null : formatTime(key.lastUsedAt),
    revoked_at: key.revokedAt === null ? null : formatTime(key.revokedAt),
  };
}

/** Serves one connection of a command. */
export function serveControl(socket: Socket, parts: () => ControlParts | null): void {
  const chunks: Buffer[] = [];
  let size = 0;
  socket.on('data', (chunk) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MOST_BYTES) socket.destroy();
    if (chunk.at(-1) !== 10) return;
    const line = Buffer.concat(chunks.splice(0)).toString();
    answerLine(line, parts()).then((reply) => socket.end(`${JSON.stringify(reply)}\n`));
  });
}

async function answerLine(line: string, parts: ControlParts | null): Promise<ControlReply> {
  if (parts === null) return invalid('The gateway is still starting: try again in a moment.');
  try {
    return await control(parts, JSON.parse(line) as ControlRequest);
  } catch (error) {
    return invalid(error instanceof Error ? error.message : String(error));
  }
}

/** Asks the gateway that runs on this folder; null when none does. */
export function askRunning(directory: string, request: ControlRequest): Promise<ControlReply | null> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath(directory));
    let text = '';
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(null);
      else reject(error);
    });
    socket.once('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    socket.once('end', () => {
      if (text.trim() === '') reject(new Error('the gateway closed the connection without an answer'));
      else resolve(JSON.parse(text) as ControlReply);
    });
  });
}
