/**
 * Test mode's clock and its emptying: `/v1/test/clock` and `/v1/test/reset`.
 *
 * A move answers at once with how many recipients fell due; `?wait=` seconds lets the answer wait until they have left, so
 * that a test can go on without polling. A live key is refused: there is no live clock to move.
 */
import type {} from '@fastify/swagger';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import { parseDuration } from '../core/duration.ts';
import { formatTime, parseTime } from '../core/time.ts';
import type { TestClock } from '../data/port/test-clock.ts';
import type { Store } from '../data/store.ts';
import type { Problems } from '../http/problems.ts';

export type TestClockDoor = { store: Store; problems: Problems };

const TAGS = ['Test mode'];

const ClockBody = Type.Object(
  {
    now: Type.Optional(
      Type.String({
        maxLength: 35,
        description:
          'The time to stand still at, RFC 3339; not before the present test time. The first call may be up to a minute behind the real clock.',
        examples: ['2026-12-01T09:00:00Z'],
      }),
    ),
    advance: Type.Optional(
      Type.String({
        maxLength: 64,
        description: 'How far to go on from the present test time, an ISO 8601 duration. Instead of `now`.',
        examples: ['PT23H', 'P1D', 'P1M', 'PT0.5S'],
      }),
    ),
  },
  { additionalProperties: false, title: 'Test clock move', description: 'Exactly one of the two.' },
);

const ClockAnswer = Type.Object(
  {
    now: Type.String({ description: 'The time in test mode.' }),
    frozen: Type.Boolean({ description: 'Whether it stands still; else it is real time.' }),
    due: Type.Integer({
      description:
        'Recipients whose time has come and that have not left yet, those in flight included. At most 10,000 are counted.',
    }),
  },
  { title: 'Test clock' },
);

const Wait = Type.Object(
  {
    wait: Type.Optional(
      Type.String({
        pattern: '^([12]?[0-9]|30)$',
        description: 'Seconds, 0 to 30: the answer waits that long at most until `due` is 0.',
      }),
    ),
  },
  { additionalProperties: false },
);

export function testClockRoutes(server: FastifyInstance, door: TestClockDoor): void {
  const { store } = door;
  const departures = new Departures(store);

  server.get<{ Querystring: Static<typeof Wait> }>(
    '/v1/test/clock',
    {
      config: { scopes: ['read', 'manage'] },
      schema: {
        summary: 'The test clock',
        description: 'Where the time of test mode stands, and what is on its way at that time.',
        tags: TAGS,
        querystring: Wait,
        response: { 200: ClockAnswer },
      },
    },
    async (request, reply) => {
      const tenantNo = testTenant(request, reply, door);
      if (tenantNo === null) return reply;
      return clockBody(await departures.within(tenantNo, Number(request.query.wait ?? 0)));
    },
  );

  server.post<{ Querystring: Static<typeof Wait>; Body: Static<typeof ClockBody> }>(
    '/v1/test/clock',
    {
      config: { scopes: ['manage'] },
      schema: {
        summary: 'Freeze or move the test clock',
        description:
          'Test time stands still where it is put and moves only by further calls, forward only. What falls due by a move leaves at once, in the background: `due` says how much of it has not left yet.',
        tags: TAGS,
        querystring: Wait,
        body: ClockBody,
        response: { 200: ClockAnswer },
      },
    },
    async (request, reply) => {
      const tenantNo = testTenant(request, reply, door);
      if (tenantNo === null) return reply;
      const read = readMove(request.body);
      if (!read.ok) return door.problems.invalid(request, reply, [read.issue]);
      const moved = await store.moveTestClock({ tenantNo, to: read.to, ...byCaller(request) });
      if (!moved.ok) return refuseMove(request, reply, door, moved);
      return clockBody(await departures.within(tenantNo, Number(request.query.wait ?? 0)));
    },
  );

  server.delete(
    '/v1/test/clock',
    {
      config: { scopes: ['manage'] },
      schema: {
        summary: 'Give the real clock back',
        description: 'Test time is real time again. This empties the test data, as `POST /v1/test/reset` does.',
        tags: TAGS,
        response: { 200: ClockAnswer },
      },
    },
    async (request, reply) => {
      const tenantNo = testTenant(request, reply, door);
      if (tenantNo === null) return reply;
      await store.endTestClock({ tenantNo, ...byCaller(request) });
      return clockBody(await store.testClock({ tenantNo }));
    },
  );

  server.post(
    '/v1/test/reset',
    {
      config: { scopes: ['manage'] },
      schema: {
        summary: 'Empty the test data',
        description:
          'Removes messages, events, counters, contacts, suppressions, used keys, captured mail and uploads of test mode, and restores the credits. Keys, policies and identities stay, the clock stays where it is, and `seq` goes on.',
        tags: TAGS,
        response: { 200: ClockAnswer },
      },
    },
    async (request, reply) => {
      const tenantNo = testTenant(request, reply, door);
      if (tenantNo === null) return reply;
      await store.resetTestData({ tenantNo, ...byCaller(request) });
      return clockBody(await store.testClock({ tenantNo }));
    },
  );
}

/** The tenant, or null after a refusal: everything here is for test mode alone. */
function testTenant(request: FastifyRequest, reply: FastifyReply, door: TestClockDoor): number | null {
  const principal = request.caller!.principal!;
  if (principal.mode === 'test') return principal.tenantNo;
  door.problems.refuse(request, reply, 'insufficient_permissions', {
    detail: request.caller!.operator
      ? 'This is for test mode alone: add the header X-Mode: test.'
      : 'This is for test mode alone: use a test key, pst_test_….',
    evidence: { needed: 'a key of test mode', granted: 'a key of live mode' },
  });
  return null;
}

type Move =
  | { ok: true; to: Parameters<Store['moveTestClock']>[0]['to'] }
  | { ok: false; issue: { code: string; param: string; message: string } };

function readMove(body: Static<typeof ClockBody> | undefined): Move {
  const { now, advance } = body ?? {};
  if (now !== undefined && advance !== undefined) {
    return wrong('mutually_exclusive', 'advance', 'Give "now" or "advance", not both.');
  }
  if (now !== undefined) {
    const at = parseTime(now);
    return at === null
      ? wrong('invalid_parameter', 'now', '"now" must be a time like 2026-12-01T09:00:00Z (RFC 3339).')
      : { ok: true, to: { now: at } };
  }
  if (advance === undefined) return wrong('missing_parameter', 'now', '"now" or "advance" is required.');
  const duration = parseDuration(advance);
  return duration === null
    ? wrong('invalid_parameter', 'advance', '"advance" must be a duration like PT23H or P1D (ISO 8601).')
    : { ok: true, to: { advance: duration } };
}

function wrong(code: string, param: string, message: string): Move {
  return { ok: false, issue: { code, param, message } };
}

function refuseMove(
  request: FastifyRequest,
  reply: FastifyReply,
  door: TestClockDoor,
  moved: { why: 'backward' | 'too_far'; bound: number },
): FastifyReply {
  const body = request.body as Static<typeof ClockBody>;
  const bound = formatTime(moved.bound);
  const message =
    moved.why === 'backward'
      ? `The test clock only moves forward: not before ${bound}. To go back, give the real clock back (DELETE) and start anew.`
      : `The test clock goes no further than ${bound}.`;
  const param = body.now === undefined ? 'advance' : 'now';
  return door.problems.invalid(request, reply, [{ code: 'invalid_parameter', param, message }]);
}

function clockBody(clock: TestClock): Static<typeof ClockAnswer> {
  return { now: formatTime(clock.now), frozen: clock.frozen, due: clock.due };
}

/** Waits for what is due to leave: looked at again whenever events were written. */
class Departures {
  private readonly store: Store;
  private readonly waiting = new Set<() => void>();

  constructor(store: Store) {
    this.store = store;
    store.onEvents(() => {
      for (const look of this.waiting) look();
    });
  }

  /** The clock as soon as nothing is due any more, or as it is after `seconds`. */
  async within(tenantNo: number, seconds: number): Promise<TestClock> {
    const until = performance.now() + seconds * 1000;
    for (;;) {
      const next = this.nextEvents();
      const clock = await this.store.testClock({ tenantNo });
      const left = until - performance.now();
      if (clock.due === 0 || left <= 0) {
        next.cancel();
        return clock;
      }
      await next.come(left);
    }
  }

  /** Listening begins now, so that nothing written during a look is missed. */
  private nextEvents(): { come(withinMs: number): Promise<void>; cancel(): void } {
    let seen = false;
    let wake = (): void => undefined;
    const look = (): void => {
      seen = true;
      this.waiting.delete(look);
      wake();
    };
    this.waiting.add(look);
    return {
      cancel: () => this.waiting.delete(look),
      come: (withinMs) =>
        new Promise((resolve) => {
          if (seen) return resolve();
          const timer = setTimeout(look, withinMs);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        }),
    };
  }
}

/** For the audit log: the key by name and id. */
function byCaller(request: FastifyRequest): { actor: string; actorId: string } {
  const { name, keyId } = request.caller!;
  return { actor: name, actorId: keyId };
}
