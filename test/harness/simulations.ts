/** Simulations as tests run them: asked for, waited for, read. */
import assert from 'node:assert/strict';
import type { Answer, TestGateway } from './gateway.ts';
import { until } from './until.ts';

export type ResultLine = {
  id: string;
  verdict: string;
  reasons: string[];
  risk: { score: number; level: string } | null;
  changed?: boolean;
  was?: { verdict: string; reasons: string[] };
};

/** Waits for the end of a simulation that was asked for; its answer. */
export async function simulated(gateway: TestGateway, asked: Answer, key?: string): Promise<Answer> {
  assert.equal(asked.status, 201, JSON.stringify(asked.body));
  const { id } = asked.body;
  let answer: Answer | null = null;
  await until(
    async () => {
      answer = await gateway.fetchJson('GET', `/v1/simulations/${id}`, undefined, { key });
      return answer.body.status === 'done' || answer.body.status === 'failed';
    },
    60_000,
    'the end of the simulation',
  );
  return answer!;
}

export function simulate(gateway: TestGateway, body: unknown, key?: string): Promise<Answer> {
  return gateway.fetchJson('POST', '/v1/simulations', body, { key });
}

export async function resultsOf(gateway: TestGateway, id: string, key = gateway.testKey): Promise<ResultLine[]> {
  const response = await fetch(`${gateway.url}/v1/simulations/${id}/results`, {
    headers: { authorization: `Bearer ${key}` },
  });
  assert.equal(response.status, 200);
  const text = await response.text();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as ResultLine);
}
