/** API keys as requests ask for them and answers show them. The key itself is shown once, when it is made. */
import { isIP } from 'node:net';
import Type, { type Static } from 'typebox';
import { makeKey } from '../base/api-key.ts';
import { newId } from '../base/ids.ts';
import type { Issue } from '../core/explain.ts';
import type { Mode } from '../core/message.ts';
import { formatTime, parseTime } from '../core/time.ts';
import type { Actor } from '../data/port/management.ts';
import type { KeyRow, NewKey } from '../data/store.ts';
import { ID, line, orNull, TIME, timeOrNull } from './shapes.ts';

export const MODE = Type.Enum(['live', 'test']);

const SCOPE = Type.Enum(['send', 'read', 'manage', 'approve']);

export const KEY_FIELDS = {
  scopes: Type.Array(SCOPE, {
    minItems: 1,
    uniqueItems: true,
    description: "What the key may do; `approve` makes it a person's: it releases holds and loosens controls.",
  }),
  name: Type.Optional(orNull(line(200, 'Shown in the audit log.'))),
  app: Type.Optional(orNull(ID, { description: 'The app it belongs to; the default one unless said.' })),
  expires_at: Type.Optional(orNull(TIME, { description: 'From then on it is refused.' })),
  allow_ips: Type.Optional(
    Type.Array(Type.String({ maxLength: 50 }), {
      maxItems: 100,
      description: 'Addresses and ranges (10.0.0.0/8) it may be used from; empty: any.',
    }),
  ),
  identities: Type.Optional(
    Type.Array(Type.String({ maxLength: 100, pattern: '^[a-z0-9][a-z0-9._-]*$' }), {
      maxItems: 100,
      uniqueItems: true,
      description: 'Handles or ids of the identities it may send as; empty: all.',
    }),
  ),
  agent: Type.Optional(orNull(line(255, 'The agent it belongs to.'))),
};

export type KeyBody = Static<Type.TObject<typeof KEY_FIELDS>>;

export const KEY = Type.Object({
  id: Type.String(),
  prefix: Type.String({ description: 'The beginning of the key, by which people tell keys apart.' }),
  mode: MODE,
  scopes: Type.Array(Type.String()),
  name: orNull(Type.String()),
  app: orNull(Type.String()),
  installation: orNull(Type.String()),
  expires_at: orNull(Type.String()),
  allow_ips: Type.Array(Type.String()),
  identities: Type.Array(Type.String()),
  agent: orNull(Type.String()),
  created_at: Type.String(),
  last_used_at: orNull(Type.String()),
  revoked_at: orNull(Type.String()),
});

export const MADE_KEY = Type.Object({
  ...KEY.properties,
  key: Type.String({ description: 'The key. It is shown this once.' }),
});

export function keyBody(key: KeyRow): Static<typeof KEY> {
  return {
    id: key.id,
    prefix: key.prefix,
    mode: key.mode,
    scopes: key.scopes,
    name: key.name,
    app: key.appId,
    installation: key.installationId,
    expires_at: timeOrNull(key.expiresAt),
    allow_ips: key.allowIps,
    identities: key.identities,
    agent: key.agent,
    created_at: formatTime(key.createdAt),
    last_used_at: timeOrNull(key.lastUsedAt),
    revoked_at: timeOrNull(key.revokedAt),
  };
}

function isRange(text: string): boolean {
  const [address, bits, more] = text.split('/');
  const version = isIP(address ?? '');
  if (version === 0 || more !== undefined || address!.includes('%')) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

/** A key made as a body asks, with its secret; or what is wrong with the body. */
export function readKey(
  body: KeyBody,
  input: { tenantId: string; mode: Mode; actor: Actor },
): { key: NewKey; secret: string } | Issue[] {
  const issues: Issue[] = [];
  const add = (param: string, message: string) => issues.push({ code: 'invalid_parameter', param, message });
  const expiresAt = body.expires_at == null ? null : parseTime(body.expires_at);
  if (body.expires_at != null && expiresAt === null) add('expires_at', 'It must be a time as RFC 3339 has it.');
  if (expiresAt !== null && expiresAt <= Date.now()) add('expires_at', 'It lies in the past.');
  const allowIps = body.allow_ips ?? [];
  allowIps.forEach((range, i) => {
    if (!isRange(range)) add(`allow_ips[${i}]`, 'It must be an address or a range such as 10.0.0.0/8.');
  });
  if (issues.length > 0) return issues;
  const { key: secret, prefix, hash } = makeKey(input.mode);
  const key: NewKey = {
    id: newId('key'),
    prefix,
    hash,
    name: body.name ?? null,
    scopes: body.scopes,
    mode: input.mode,
    tenantId: input.tenantId,
    appId: body.app ?? null,
    expiresAt,
    allowIps,
    identities: body.identities ?? [],
    agent: body.agent ?? null,
    actor: input.actor.name,
    actorId: input.actor.id,
  };
  return { key, secret };
}
