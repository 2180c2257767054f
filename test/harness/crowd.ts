/** One tenant with many queued messages, and another one with a single one. */
import assert from 'node:assert/strict';
import { messageAfter } from './events.ts';
import { startTestGateway, type TestGateway } from './gateway.ts';
import { type SlowHop, startSlowHop } from './slow-hop.ts';
import { asOperator, makeTenant, type TestTenant } from './tenants.ts';

const IN_A_BATCH = 100;

async function liveTenant(gateway: TestGateway): Promise<TestTenant> {
  const tenant = await makeTenant(gateway, { trust: 'established' }, 'live');
  const policy = { senders: { require_verified_domain: 'never' }, quarantine: { mode: 'off' } };
  const set = await asOperator(gateway)('PUT', `/v1/tenants/${tenant.id}/policy`, policy, { 'X-Mode': 'live' });
  assert.equal(set.status, 200, JSON.stringify(set.body));
  return tenant;
}

export type Crowd = {
  /** Milliseconds from the acceptance of the single message to its delivery. */
  waitedMs: number;
  /** How many of the crowd were still to leave then. */
  behind: number;
  /** Claims that the store made for the crowd beyond its deliveries, at the most. */
  calls: number;
};

/** `hangs`: the crowd's own provider answers nobody; else both go to one next hop that takes `answerMs` for each message. */
export async function besideACrowd(
  size: number,
  { hangs, answerMs }: { hangs: boolean; answerMs: number },
): Promise<Crowd> {
  const hop = await startSlowHop({ answerMs, hangs: false });
  const own = await startSlowHop({ answerMs, hangs: true });
  const gateway = await startTestGateway({
    POSTERN_OUTBOUND: `smtp://127.0.0.1:${hop.port}?tls=never`,
    POSTERN_PROVIDER_ALLOW: '127.0.0.0/8',
  });
  try {
    const [crowd, single] = [await liveTenant(gateway), await liveTenant(gateway)];
    if (hangs) await sendThrough(crowd, own);
    await fill(crowd, size, hangs ? { identity: 'alice' } : {});
    const callsBefore = gateway.gateway.store.figures().calls;
    const startedAt = performance.now();
    const body = { to: 'bob@single.example', subject: 'Hello', text: 'One.' };
    const sent = await single.agent.call('POST', '/v1/messages', body);
    assert.equal(sent.status, 202, JSON.stringify(sent.body));
    const name = { tenantNo: single.no, mode: 'live', id: sent.body.id } as const;
    await messageAfter(gateway.gateway.store, name, 'message.delivered');
    const waitedMs = Math.round(performance.now() - startedAt);
    const calls = gateway.gateway.store.figures().calls - callsBefore;
    return { waitedMs, behind: size - hop.taken() + 1, calls };
  } finally {
    hop.close();
    own.close();
    await gateway.stop();
  }
}

async function sendThrough({ agent }: TestTenant, { port }: SlowHop): Promise<void> {
  for (const [path, body] of [
    ['/v1/identities', { handle: 'alice', from: 'alice@acme.example' }],
    ['/v1/providers', { name: 'own', url: `smtp://127.0.0.1:${port}?tls=never` }],
    ['/v1/mailboxes', { address: 'alice@acme.example', provider: 'own', identity: 'alice' }],
  ] as const) {
    const made = await agent.call('POST', path, body);
    assert.equal(made.status, 201, JSON.stringify(made.body));
  }
}

async function fill({ agent }: TestTenant, size: number, more: object): Promise<void> {
  for (let from = 0; from < size; from += IN_A_BATCH) {
    const messages = Array.from({ length: Math.min(IN_A_BATCH, size - from) }, (_, i) => ({
      ...{ to: `person${from + i}@crowd.example`, subject: `No ${from + i}`, text: `Number ${from + i}` },
      ...more,
    }));
    const answer = await agent.call('POST', '/v1/messages/batch', { messages });
    assert.ok(answer.status < 300, JSON.stringify(answer.body).slice(0, 500));
  }
}
