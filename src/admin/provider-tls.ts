/** What TLS came to with the hosts that a provider met, for people to look at. */
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { formatTime } from '../core/time.ts';
import { DEFAULT_PROVIDER } from '../policy/pool.ts';
import { notFound, principalOf } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { TLS_OUTCOMES, type TlsSeen } from './provider-tools.ts';
import { ID_PARAMS, orNull } from './shapes.ts';

const OUTCOME = Type.Enum([...TLS_OUTCOMES], {
  description:
    '`verified`: encrypted, and the certificate proves the host. `unverified`: encrypted to whoever answered. `plain`: not encrypted. `failed`: TLS was required and did not come about; nothing was sent.',
});
const COUNT = Type.Integer({ minimum: 0 });
const TLS = Type.Object(
  {
    host: Type.String({ examples: ['mx1.example.com'] }),
    outcome: OUTCOME,
    protocol: orNull(Type.String({ examples: ['TLSv1.3'] })),
    cipher: orNull(Type.String({ examples: ['TLS_AES_256_GCM_SHA384'] })),
    why: orNull(Type.String(), { description: 'Why it is not `verified`.' }),
    required_by: orNull(Type.Enum(['settings', 'mta-sts']), {
      description: "What asks for verified TLS: the provider's settings, or the policy of the recipient's domain.",
    }),
    last_seen_at: Type.String({ format: 'date-time' }),
    counts: Type.Object(
      { verified: COUNT, unverified: COUNT, plain: COUNT, failed: COUNT },
      { description: 'Connections since the gateway started, by outcome.' },
    ),
  },
  { description: 'TLS with one host: the last connection, and how many there were' },
);

export function providerTlsRoutes(server: FastifyInstance, { store, problems, providers }: AdminDeps): void {
  server.get(
    '/v1/providers/:id/tls',
    {
      config: { scopes: ['read', 'manage', 'approve'] },
      schema: {
        summary: 'What TLS came to with the hosts that a provider met',
        description:
          "The host met last stands first; the last 500 are kept in memory, since the gateway's start. Those of the gateway's own provider are shown to the operator alone. Reports to the hosts' owners (RFC 8460) are not sent, and DANE is not looked at.",
        tags: ['Providers'],
        params: ID_PARAMS,
        response: { 200: Type.Object({ data: Type.Array(TLS) }, { description: 'Hosts' }) },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { tenantNo, mode } = principalOf(request);
      const provider = await store.provider({ tenantNo, mode, id });
      if (provider === null) return notFound(request, reply, problems, 'provider', id);
      // Whom other tenants write to is none of this one's business.
      const isForeign = provider.no === DEFAULT_PROVIDER && !request.caller!.operator;
      return { data: isForeign ? [] : providers.tls(provider).map(shown) };
    },
  );
}

function shown({ host, outcome, protocol, cipher, why, requiredBy, lastSeenAt, counts }: TlsSeen): Static<typeof TLS> {
  const last_seen_at = formatTime(lastSeenAt);
  return { host, outcome, protocol, cipher, why, required_by: requiredBy, last_seen_at, counts };
}
