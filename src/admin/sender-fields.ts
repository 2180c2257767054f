/** Fields that providers and mailboxes share: credentials and addresses, which come in and never go out. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import type { Credentials } from '../base/credentials.ts';
import type { SenderTrouble } from '../data/port/senders.ts';
import type { Problems } from '../http/problems.ts';
import { conflict, invalid, notFound, refuseLoosening } from './answers.ts';
import type { ProviderTools, ReadAddress } from './provider-tools.ts';
import { CLOSED } from './shapes.ts';

export const CREDENTIALS = Type.Object(
  {
    user: Type.String({ minLength: 1, maxLength: 320, pattern: '^[^\\u0000\\u0001]*$' }),
    pass: Type.String({
      maxLength: 8192,
      pattern: '^[^\\u0000\\u0001]*$',
      description: 'The password; with `auth=xoauth2` in the address the access token.',
    }),
  },
  { ...CLOSED, description: 'Kept encrypted, and never shown again.' },
);

export type FieldIssue = { param: string; message: string };

export const isFieldIssue = (value: object): value is FieldIssue => 'message' in value;

/** An address with its credentials, which stand in it or beside it; `given` undefined: not said. */
export function readAddress<Read extends ReadAddress>(
  tools: ProviderTools,
  read: Read | { error: string },
  given: Static<typeof CREDENTIALS> | null | undefined,
  param: string,
): { address: Read; credentials: Credentials | null } | FieldIssue {
  if ('error' in read) return { param, message: read.error };
  if (read.credentials !== null && given !== undefined) {
    return { param, message: 'Credentials stand in the address and beside it: give them once.' };
  }
  const refusal = read.host === null ? null : tools.refusal(read.host);
  if (refusal !== null) {
    const message = `This host may not be connected to: ${refusal}. Name a public one, or have the operator allow the range (POSTERN_PROVIDER_ALLOW).`;
    return { param, message };
  }
  return { address: read, credentials: read.credentials ?? given ?? null };
}

const WORDS = { provider: 'provider', mailbox: 'mailbox' } as const;

/** Says why a change of a provider or a mailbox was not made. */
export function refuseSender(
  at: { request: FastifyRequest; reply: FastifyReply; problems: Problems },
  trouble: SenderTrouble,
  about: { resource: keyof typeof WORDS; id: string; action: string; taken: 'name' | 'address' },
): FastifyReply {
  const { request, reply, problems } = at;
  const { resource, id, action } = about;
  const clash = (state: string, detail: string): FastifyReply =>
    conflict(request, reply, problems, { resource, id: id.slice(0, 100), state, action }, detail);
  switch (trouble.outcome) {
    case 'missing':
      return notFound(request, reply, problems, resource, id);
    case 'taken':
      return clash(
        'taken',
        `Another ${resource} has this ${about.taken}: choose another one, or change that ${resource}.`,
      );
    case 'full':
      return clash('full', `There are ${trouble.most} of them, as many as there may be: remove one first.`);
    case 'unknown': {
      const where = trouble.param === 'provider' ? 'GET /v1/providers' : 'GET /v1/identities';
      const message = `There is no ${trouble.param} of this id or ${trouble.param === 'provider' ? 'name' : 'handle'} in this mode; ${where} lists them.`;
      return invalid(request, reply, problems, trouble.param, message);
    }
    case 'not_yours':
      return clash(
        'default',
        "This is the gateway's own provider: it can be activated and deactivated here, and its settings are the operator's.",
      );
    case 'used': {
      const { count, mailboxes } = trouble;
      const more = count > mailboxes.length ? ` and ${count - mailboxes.length} more` : '';
      return clash(
        'used',
        `${count === 1 ? 'A mailbox is' : `${count} mailboxes are`} on it: ${mailboxes.join(', ')}${more}. Put them on another provider (PATCH /v1/mailboxes/{id} with "provider") or remove them first; to stop its use now, deactivate it.`,
      );
    }
    case 'conflict':
      return conflict(request, reply, problems, { resource, id: id.slice(0, 100), state: trouble.state, action });
    case 'human_decision_required':
      return refuseLoosening(request, reply, problems, trouble, action);
  }
}
