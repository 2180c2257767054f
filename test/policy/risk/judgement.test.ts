/** The quality of the judgement: nobody who does nothing wrong is stopped, and who does is, early and with a warning. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { BAD } from '../../../bench/traffic/bad.ts';
import { describe, judge, type Label } from '../../../bench/traffic/judge.ts';
import { LEGIT } from '../../../bench/traffic/legit.ts';
import { makeTraffic } from '../../../bench/traffic/make.ts';
import { NOTICES } from '../../../bench/traffic/notices.ts';
import type { TrafficLine } from '../../../src/policy/replay.ts';

const FIXTURES = new URL('../../fixtures/traffic/', import.meta.url);
const SEED = 41;

function sample(): { lines: TrafficLine[]; labels: Map<string, Label> } {
  const raw = JSON.parse(readFileSync(new URL('labels.json', FIXTURES), 'utf8')) as Record<string, string>;
  const labels = new Map<string, Label>();
  for (const [account, kind] of Object.entries(raw)) {
    if (account.includes(':')) continue;
    const from = raw[`${account}:from`];
    const label = { kind: kind as Label['kind'] };
    labels.set(account, from === undefined ? label : { ...label, from: Date.parse(from) });
  }
  const text = gunzipSync(readFileSync(new URL('sample.jsonl.gz', FIXTURES))).toString('utf8');
  const lines = text
    .trim()
    .split('\n')
    .map((line) => {
      const read = JSON.parse(line) as Record<string, unknown>;
      const absent = { identity: null, agent: null, class: null, kindOfMail: read['kind_of_mail'] };
      return { ...absent, ...read, at: Date.parse(read['at'] as string) } as unknown as TrafficLine;
    });
  return { lines, labels };
}

test('each account of the sample is judged as its label says', () => {
  const { lines, labels } = sample();
  const judged = judge(lines, labels);
  assert.equal(judged.length, labels.size);
  assert.deepEqual(judged.filter(({ faults }) => faults.length > 0).map(describe), []);
});

test('a legitimate account of whatever kind is let go on', () => {
  const kinds = [...Object.keys(LEGIT), ...Object.keys(NOTICES)];
  const judged = makeTraffic(SEED, kinds).flatMap(({ tenant, lines, label }) =>
    judge(lines, new Map([[tenant, label]])),
  );
  assert.equal(judged.length, kinds.length);
  assert.deepEqual(judged.filter(({ faults }) => faults.length > 0).map(describe), []);
});

test('a bad account of whatever kind is stopped, before much is out, and warned before', () => {
  const kinds = Object.keys(BAD);
  const judged = makeTraffic(SEED, kinds).flatMap(({ tenant, lines, label }) =>
    judge(lines, new Map([[tenant, label]])),
  );
  assert.equal(judged.length, kinds.length);
  assert.deepEqual(judged.filter(({ faults }) => faults.length > 0).map(describe), []);
});

test('the same traffic is judged the same again', () => {
  const [traffic] = makeTraffic(SEED, ['hash-busting']);
  const labels = new Map([[traffic!.tenant, traffic!.label]]);
  assert.deepEqual(judge(traffic!.lines, labels), judge(makeTraffic(SEED, ['hash-busting'])[0]!.lines, labels));
});
