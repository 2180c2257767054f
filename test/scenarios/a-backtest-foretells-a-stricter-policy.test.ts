import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { PolicyDocument } from '../../src/policy/document.ts';
import { leave, mail, setPolicy } from '../harness/by-hand.ts';
import { type Answer, startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { type ResultLine, resultsOf, simulate, simulated } from '../harness/simulations.ts';
import { moveClock, send } from '../harness/test-mode.ts';

const START = Date.parse('2027-06-07T08:00:00.000Z');

const LOOSE: PolicyDocument = {
  limits: [
    { name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 24 },
    { name: 'pace', scope: 'installation', window: 'rate', per: 'minute', max: 6 },
  ],
};
const STRICT: PolicyDocument = {
  limits: [
    { name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 11 },
    { name: 'to_one', scope: 'recipient', window: 'rolling_7d', max: 3, reset_on_reply: true },
    { name: 'monthly', scope: 'tenant', window: 'calendar_month', max: 60, unit: 'message' },
    { name: 'per_domain', scope: 'recipient_domain', window: 'calendar_day', max: 7 },
    { name: 'pace', scope: 'installation', window: 'rate', per: 'minute', max: 3 },
  ],
  cooldown: { seconds: 14_400 },
  role_accounts: 'block',
};

type Step = { atMs: number; body: Record<string, unknown>; cancel: boolean; report: string | null };

/** Five days of sends to a few people: alone and together, deferred, scheduled and taken back, with complaints between. */
function story(): Step[] {
  let seed = 7;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 4_294_967_296) * below);
  };
  const person = (): string =>
    `${['ann', 'bob', 'cay', 'dan', 'eve', 'info'][random(6)]}${random(4)}@${['one', 'two'][random(2)]}.example`;
  let atMs = START;
  return Array.from({ length: 140 }, (_, n) => {
    const isBurst = random(4) === 0;
    atMs += random(12) === 0 ? random(12) * 3_600_000 : random(isBurst ? 8000 : 1_500_000);
    const to = random(5) === 0 ? [person(), person()] : [random(12) === 0 ? 'postmaster@one.example' : person()];
    const later = random(9) === 0 ? { send_at: new Date(atMs + 7_200_000).toISOString() } : {};
    const defer = random(6) === 0 ? { on_limit: 'defer' } : {};
    return {
      atMs,
      body: mail(to, { subject: `Note ${n}`, text: `Text of note ${n} about ${person()}`, ...later, ...defer }),
      cancel: 'send_at' in later && random(2) === 0,
      // One whom every policy lets through, so that the same comes back whichever is in force.
      report: n === 0 ? 'complaint' : null,
    };
  });
}

describe('a backtest over stored history', () => {
  let gateway: TestGateway;
  const steps = story();
  /** Ids by step of the run under the loose policy, and of the same under the strict one. */
  let ids: string[] = [];
  let backtest: Answer;
  let results: ResultLine[];

  const play = async (): Promise<Answer[]> => {
    const answers: Answer[] = [];
    const waiting: number[] = [];
    const moveTo = async (ms: number): Promise<void> => {
      for (const due of waiting.filter((at) => at <= ms).sort((a, b) => a - b)) {
        await moveClock(gateway, { now: new Date(due).toISOString() });
        while ((await leave(gateway)) > 0);
        waiting.splice(waiting.indexOf(due), 1);
      }
      await moveClock(gateway, { now: new Date(ms).toISOString() });
    };
    for (const { atMs, body, cancel, report } of steps) {
      await moveTo(atMs);
      const answer = await send(gateway, body);
      answers.push(answer);
      await leave(gateway);
      const { id, recipients } = answer.body;
      for (const one of recipients) if (one.scheduled_at) waiting.push(Date.parse(one.scheduled_at));
      if (cancel && id !== undefined) await gateway.fetchJson('POST', `/v1/messages/${id}/cancel`);
      if (report !== null && id !== undefined) {
        const email = answer.body.recipients.at(-1).email;
        await gateway.fetchJson('POST', '/v1/returns', { kind: report, message_id: id, email });
      }
    }
    return answers;
  };

  before(async () => {
    gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
    await setPolicy(gateway, LOOSE);
    ids = (await play()).map(({ body }) => body.id ?? body.message_id);
  });
  after(() => gateway.stop());

  test('under the policy in force changes nothing', async () => {
    const same = await simulated(gateway, await simulate(gateway, { policy: {}, history: {} }));
    assert.equal(same.body.status, 'done', same.body.error);
    assert.equal(same.body.progress, 1);
    assert.equal(same.body.totals.sends, steps.length);
    assert.deepEqual(same.body.changed, { count: 0, kinds: [], examples: [] });
    assert.ok(
      same.body.totals.reasons['daily_quota_exceeded'] > 0 || same.body.totals.reasons['send_rate_exceeded'] > 0,
    );
  });

  test('lists the sends that a stricter policy would have refused', async () => {
    backtest = await simulated(gateway, await simulate(gateway, { policy: STRICT, history: {} }));
    assert.equal(backtest.body.status, 'done', backtest.body.error);
    results = await resultsOf(gateway, backtest.body.id);
    assert.deepEqual(
      results.map(({ id }) => id),
      ids,
    );
    const { changed, totals, days, tenants } = backtest.body;
    assert.equal(changed.count, results.filter((one) => one.changed === true).length);
    assert.ok(changed.count > 30 && changed.count < steps.length);
    assert.ok(changed.examples.length > 3);
    for (const code of ['daily_quota_exceeded', 'recipient_frequency_exceeded', 'cooldown', 'send_rate_exceeded']) {
      assert.ok(totals.reasons[code] > 0, code);
    }
    assert.equal(
      days.reduce((sum: number, day: { sends: number }) => sum + day.sends, 0),
      steps.length,
    );
    assert.equal(tenants.length, 1);
    assert.equal(
      tenants[0].first_block.id,
      results.find(({ verdict }) => verdict === 'block' || verdict === 'partial')?.id,
    );
  });

  test('is borne out when the policy is enforced and the same is sent again', async () => {
    await gateway.fetchJson('DELETE', '/v1/test/clock');
    await setPolicy(gateway, { ...LOOSE });
    const put = await gateway.fetchJson('PUT', '/v1/policy', STRICT);
    assert.equal(put.status, 200, JSON.stringify(put.body));
    const again = await play();
    const found = again.map(({ status, body }) => {
      const recipients = body.recipients as { status: string; reasons: { code: string }[] }[];
      const verdicts = new Set(recipients.map((one) => one.status));
      const codes = new Set(recipients.flatMap(({ reasons }) => reasons.map(({ code }) => code)));
      return { refused: status >= 400, verdicts: [...verdicts].length, codes: [...codes].sort() };
    });
    const foretold = results.map((one) => ({
      refused: one.verdict === 'block',
      verdicts: one.verdict === 'partial' ? 2 : 1,
      codes: [...one.reasons].sort(),
    }));
    for (const [n, one] of found.entries()) assert.deepEqual(one, foretold[n], `send ${n}`);
  });

  test('looks at the time that it is given, and counts what lies before', async () => {
    const since = steps[70]!.atMs;
    const until = steps[110]!.atMs;
    const asked = {
      policy: {},
      history: { since: new Date(since).toISOString(), until: new Date(until).toISOString() },
    };
    const part = await simulated(gateway, await simulate(gateway, asked));
    assert.equal(part.body.totals.sends, steps.filter(({ atMs }) => atMs >= since && atMs < until).length);
    assert.equal(part.body.changed.count, 0);
  });
});
