/** Molted's suppressions, of addresses and of domains. They are the whole account's: there are none of a campaign. */
import { readDomain } from '../../../base/domain.ts';
import type { Issue } from '../../../core/explain.ts';
import { type Fields, isGiven } from '../../field-errors.ts';
import type { Asked } from '../inside.ts';
import { elements, type Given, id, list, type Neighbour, noteOf } from './neighbour.ts';

/** Its five words; an `unsubscribe` is `manual_dnc`. */
function suppressionIn({ email, domain, reason, since, ...rest }: Fields): Fields {
  const reasonCode = reason === 'unsubscribe' ? 'manual_dnc' : reason;
  const target = isGiven(email) ? { recipientEmail: email } : { domain };
  return { ...target, reasonCode, scope: 'tenant', createdAt: since, ...rest };
}

function add({ body }: Given, target: Fields): Asked | Issue {
  const { reasonCode = 'manual_dnc', expiresAt, note, scope } = body;
  if (scope === 'global') {
    return { code: 'not_allowed', param: 'scope', message: 'Suppressions of all accounts are the platform’s alone.' };
  }
  // One that was meant for less would stop more than was asked for.
  if (isGiven(scope) && scope !== 'tenant') {
    return {
      code: 'invalid_parameter',
      param: 'scope',
      message: 'It must be "tenant": there is no narrower one here.',
    };
  }
  return {
    method: 'POST',
    url: '/v1/suppressions',
    body: { ...target, reason: reasonCode, expires_at: expiresAt, note },
  };
}

const lift = (suppression: string, given: Given): Asked => ({
  ...{ method: 'DELETE', url: `/v1/suppressions/${suppression}`, body: { note: noteOf(given) } },
});

/** An address of a domain that is asked about as a whole. */
const ANYBODY = 'anybody';

const shownAll = (body: Fields): Fields[] => elements(body).map(suppressionIn);

const OF_ADDRESSES: Neighbour[] = [
  {
    ...{ method: 'POST', path: '/v1/suppressions', show: suppressionIn },
    ask: (given) => {
      const { recipientEmail, email, domain } = given.body;
      return add(given, { email: recipientEmail ?? email, domain });
    },
  },
  {
    ...{ method: 'GET', path: '/v1/suppressions', show: shownAll },
    ask: (given) => list('/v1/suppressions', given, { email: given.query['email'] ?? given.query['recipientEmail'] }),
  },
  {
    ...{ method: 'GET', path: '/v1/suppressions/check' },
    ask: ({ query: { email, domain } }) => {
      if (email !== undefined && domain !== undefined) {
        return { code: 'mutually_exclusive', param: 'domain', message: 'Give "email" or "domain", not both.' };
      }
      const read = domain === undefined ? null : readDomain(domain);
      if (read?.ok === false) return { code: 'invalid_parameter', param: 'domain', message: read.message };
      const address = read === null ? email : `${ANYBODY}@${read.domain}`;
      return { method: 'GET', url: `/v1/suppressions/check?${new URLSearchParams(address && { email: address })}` };
    },
    show: (body, { query }) => {
      const isAddress = query['email'] !== undefined;
      const inForce = body['suppressions'] as Fields[];
      const rows = (isAddress ? inForce : inForce.filter(({ matched }) => matched === 'domain')).map(suppressionIn);
      const isSuppressed = rows.length > 0 || (isAddress && body['do_not_contact'] === true);
      const reasonCode = rows[0]?.['reasonCode'] ?? (isSuppressed ? 'manual_dnc' : null);
      return { suppressed: isSuppressed, reasonCode, suppressions: rows };
    },
  },
  {
    ...{ method: 'DELETE', path: '/v1/suppressions/:id', show: suppressionIn },
    ask: (given) => lift(id(given), given),
  },
];

const OF_DOMAINS: Neighbour[] = [
  {
    ...{ method: 'POST', path: '/v1/suppressed-domains', show: suppressionIn },
    ask: (given) => add(given, { domain: given.body['domain'] }),
  },
  {
    ...{ method: 'GET', path: '/v1/suppressed-domains', show: shownAll },
    ask: (given) => list('/v1/suppressions', given, { kind: 'domain' }),
  },
  {
    ...{ method: 'DELETE', path: '/v1/suppressed-domains/:id', show: suppressionIn },
    ask: async (given, look) => {
      const domain = given.params['id'] ?? '';
      const { body } = await look(list('/v1/suppressions', given, { domain }));
      const [found] = elements((body ?? {}) as Fields);
      // What there is not is looked for under its own name, and is not found.
      return lift(typeof found?.['id'] === 'string' ? found['id'] : encodeURIComponent(domain), given);
    },
  },
];

export const SUPPRESSIONS: readonly Neighbour[] = [...OF_ADDRESSES, ...OF_DOMAINS];
