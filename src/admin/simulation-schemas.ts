/** Simulations in requests and answers, as schemas. */
import Type from 'typebox';
import { oneOf } from '../http/schemas.ts';
import { policySchema } from '../policy/schema.ts';
import { CLOSED, orNull, TIME } from './shapes.ts';

const { $schema: _schema, ...DRAFT } = policySchema();

export const NEW_SIMULATION = Type.Object(
  {
    policy: Type.Unsafe<object>({
      ...DRAFT,
      description:
        'The draft: it replaces the fields and the limits that it names in what is in force. `{}` is what is in force.',
    }),
    history: Type.Optional(
      Type.Object(
        { since: Type.Optional(TIME), until: Type.Optional(TIME) },
        { ...CLOSED, description: 'Runs what is stored of this time, compared with what was decided then.' },
      ),
    ),
    traffic: Type.Optional(
      Type.String({
        description:
          'Runs these lines of JSON, up to 20 MB, compared with the policy in force. Larger files come as application/x-ndjson with `?policy=`.',
      }),
    ),
    on_error: Type.Optional(
      oneOf(['stop', 'skip'], { description: 'What a line does that cannot be read; stop unless said.' }),
    ),
  },
  CLOSED,
);

const COUNTS = Type.Unsafe<Record<string, number>>({ type: 'object', additionalProperties: { type: 'integer' } });
const FIRST = orNull(Type.Object({ id: Type.String(), at: TIME, codes: Type.Array(Type.String()) }));

export const SIMULATION = Type.Object(
  {
    id: Type.String(),
    status: oneOf(['queued', 'running', 'done', 'failed']),
    progress: Type.Number({ description: '0 to 1.' }),
    policy: Type.Unknown({ description: 'The draft as it was given.' }),
    source: Type.Unknown({ description: '`history` with its times, or `traffic` with its octets.' }),
    on_error: oneOf(['stop', 'skip']),
    author: Type.String(),
    created_at: TIME,
    started_at: orNull(TIME),
    finished_at: orNull(TIME),
    error: orNull(Type.String(), { description: 'Why it failed.' }),
  },
  { title: 'Simulation' },
);

export const SIMULATION_RESULT = Type.Object(
  {
    ...SIMULATION.properties,
    totals: orNull(
      Type.Object({
        lines: Type.Integer(),
        sends: Type.Integer(),
        first_at: orNull(TIME),
        last_at: orNull(TIME),
        verdicts: COUNTS,
        reasons: COUNTS,
        warnings: COUNTS,
      }),
    ),
    changed: orNull(
      Type.Object({
        count: Type.Integer(),
        kinds: Type.Array(
          Type.Object({
            from: Type.String(),
            to: Type.String(),
            added: Type.Array(Type.String()),
            removed: Type.Array(Type.String()),
            count: Type.Integer(),
          }),
        ),
        examples: Type.Array(Type.Unknown(), { description: 'Up to five of each kind, as in the results.' }),
      }),
    ),
    days: orNull(
      Type.Array(
        Type.Object({
          day: Type.String(),
          sends: Type.Integer(),
          verdicts: COUNTS,
          warned: Type.Integer(),
          changed: Type.Integer(),
        }),
      ),
    ),
    tenants: orNull(
      Type.Array(
        Type.Object({
          tenant: Type.String(),
          sends: Type.Integer(),
          blocked: Type.Integer(),
          warned: Type.Integer(),
          first_warning: FIRST,
          first_block: FIRST,
        }),
      ),
    ),
    skipped: orNull(
      Type.Object({
        count: Type.Integer(),
        lines: Type.Array(Type.Object({ line: Type.Integer(), message: Type.String() })),
      }),
    ),
    results_truncated: orNull(Type.Boolean({ description: 'Whether there were more results than are kept.' })),
  },
  { title: 'SimulationResult' },
);
