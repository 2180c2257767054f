import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Answer, startTestGateway, type TestGateway } from '../harness/gateway.ts';

/** Twenty words: more than a fragment, and still nothing that anybody would write a dozen times. */
const TEXT = 'Hello, this is just another mail from the add-on that we are building, please ignore it for now, number';

describe('the mode of the quarantine', () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startTestGateway();
  });
  after(() => gateway.stop());

  type Call = (method: string, path: string, body?: unknown) => Promise<Answer>;

  const account = async (mode: string): Promise<{ call: Call; quarantine: () => Promise<Answer> }> => {
    const key = gateway.operatorKey;
    const { id } = (await gateway.fetchJson('POST', '/v1/tenants', { name: mode }, { key })).body;
    await gateway.fetchJson('PUT', `/v1/tenants/${id}/policy`, { quarantine: { mode } }, { key });
    const scopes = { mode: 'live', scopes: ['send', 'read'] };
    const made = (await gateway.fetchJson('POST', `/v1/tenants/${id}/keys`, scopes, { key })).body;
    return {
      call: (method, path, body) => gateway.fetchJson(method, path, body, { key: made.key }),
      quarantine: () => gateway.fetchJson('POST', `/v1/tenants/${id}/quarantine`, { note: 'By hand.' }, { key }),
    };
  };

  const sendTwelve = async (call: Call): Promise<Answer[]> => {
    const answers: Answer[] = [];
    for (let n = 1; n <= 12; n += 1) {
      answers.push(await call('POST', '/v1/messages', { to: 'bob@example.com', subject: `Test ${n}`, text: TEXT + n }));
    }
    return answers;
  };

  it('enforces: a dozen sends to one person are warned about and then stopped', async () => {
    const { call } = await account('enforce');
    const answers = await sendTwelve(call);
    const warned = answers.findIndex(({ body }) => body.warnings?.length > 0) + 1;
    assert.ok(warned >= 4 && warned <= 9, `warned at ${warned}`);
    assert.deepEqual([answers[11]!.status, answers[11]!.body.code], [403, 'account_quarantined']);
  });

  it('lets sending resume at once on probation, also where the policy has no limit to reduce', async () => {
    const { call } = await account('enforce');
    await sendTwelve(call);
    const { id } = (await call('GET', '/v1/quarantine')).body;
    const terms = { note: 'Tests.', held: 'send', probation: { factor: 0.25, days: 7 } };
    const path = `/v1/quarantines/${id}/release`;
    assert.equal((await gateway.fetchJson('POST', path, terms, { key: gateway.operatorKey })).status, 200);
    const places: number[] = [];
    for (let n = 1; n <= 40; n += 1) {
      const mail = {
        to: `customer${n}@example.com`,
        subject: `Your order ${n}`,
        text: `Order ${n} is on its way to you.`,
      };
      const { status, body } = await call('POST', '/v1/messages', mail);
      if (status !== 202) {
        assert.equal(body.code, 'daily_quota_exceeded');
        break;
      }
      const [limit] = body.limits;
      assert.deepEqual([limit.name, limit.limit, limit.full_limit], ['probation', 25, 100]);
      places.push(limit.remaining);
    }
    // Held mail that is sent now takes places; what had left before takes none.
    assert.ok(places.length >= 13 && places.length <= 25, `${places.length} sent`);
    assert.equal(places.at(-1), 0);
  });

  it('warns alone: the level rises and nothing is stopped', async () => {
    const { call } = await account('warn');
    const last = (await sendTwelve(call)).at(-1)!;
    assert.equal(last.status, 202);
    assert.equal(last.body.risk.level, 'high');
    assert.equal(last.body.warnings[0].code, 'quarantine_approaching');
    assert.equal((await call('GET', '/v1/quarantine')).body.state, 'none');
  });

  it('is off: no answer shows a score, and the operator can still stop the account', async () => {
    const { call, quarantine } = await account('off');
    const last = (await sendTwelve(call)).at(-1)!;
    assert.deepEqual(last.body.risk, { score: 0, level: 'normal', threshold: 0 });
    assert.deepEqual(last.body.warnings, []);
    const shown = {
      score: 0,
      level: 'normal',
      warn_at: 0,
      threshold: 0,
      signals: [],
      falls_by: [],
      replies_visible: false,
    };
    assert.deepEqual((await call('GET', '/v1/risk')).body, shown);
    assert.equal((await quarantine()).status, 201);
    const { body, headers } = await call('GET', '/v1/risk');
    assert.deepEqual(body, { ...shown, level: 'quarantined' });
    assert.equal(headers.get('x-risk-level'), 'quarantined');
    const refused = await call('POST', '/v1/messages', { to: 'bob@example.com', subject: 'Test', text: TEXT });
    assert.match(refused.body.detail, /set by the operator \(score 0, threshold 0\): By hand\.$/);
  });
});
