/** The account's risk score: where it stands, what raised it and what would bring it down. */
import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import { principalOf } from './answers.ts';
import type { AdminDeps } from './deps.ts';

export const SIGNAL = Type.Object({
  name: Type.String({ examples: ['recipient_repeats'] }),
  value: Type.Number({ description: 'What is measured now.' }),
  weight: Type.Number({ description: 'Points it can add; below zero: that it takes off.' }),
  threshold: Type.Number({ description: 'The value from which on it counts.' }),
  window: Type.String({ description: 'How it forgets.', examples: ['decaying_1h'] }),
  trend: Type.String({ description: '`rising`, `steady` or `falling`.' }),
  contribution: Type.Number({ description: 'Points it adds now.' }),
});

const LEVEL = Type.Enum(['normal', 'elevated', 'high', 'quarantined'], {
  description: 'From `elevated` on every send carries a warning; in quarantine nothing is sent.',
});

const RISK = Type.Object({
  score: Type.Integer({ description: '0 and up, in points.' }),
  level: LEVEL,
  warn_at: Type.Integer({ description: 'The score from which on sends carry a warning.' }),
  threshold: Type.Integer({ description: 'The score at which the account comes into quarantine.' }),
  signals: Type.Array(SIGNAL, { description: 'What makes up the score, the greatest contribution first.' }),
  falls_by: Type.Array(Type.String(), { description: 'What would bring it down.' }),
  replies_visible: Type.Boolean({
    description: 'Whether there is any way by which a reply could be seen; where there is none, silence weighs half.',
  }),
});

export function riskRoutes(server: FastifyInstance, { store }: AdminDeps): void {
  server.get(
    '/v1/risk',
    {
      config: { scopes: ['read', 'send'] },
      schema: {
        summary: 'The risk score and its signals',
        description: 'As it stands, without a further send. The score decays with time.',
        tags: ['Risk'],
        response: { 200: RISK },
      },
    },
    async (request) => {
      const { tenantNo, mode } = principalOf(request);
      const report = await store.riskOf({ tenantNo, mode });
      const { score, level, warnAt, threshold, signals, fallsBy, repliesVisible } = report;
      return {
        ...{ score, level, warn_at: warnAt, threshold, signals },
        ...{ falls_by: fallsBy, replies_visible: repliesVisible },
      };
    },
  );
}
