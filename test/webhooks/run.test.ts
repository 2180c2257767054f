import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WebhookProgress, WebhookWork } from '../../src/data/port/webhooks.ts';
import type { EventRow } from '../../src/data/store.ts';
import type { Answered } from '../../src/webhooks/deliver.ts';
import { Run } from '../../src/webhooks/run.ts';

const START = Date.UTC(2027, 0, 1);

const event = (seq: number, message: string | null = null): EventRow => ({
  ...{ id: `evt_${seq}`, seq, type: 'message.sent', createdAt: START },
  data: message === null ? {} : { message_id: message },
});

function work(more: Partial<WebhookWork> = {}): WebhookWork {
  const events = more.events ?? [event(1), event(2), event(3)];
  const last = events.at(-1)?.seq ?? 0;
  return {
    ...{ no: 1, id: 'whk_1', tenantNo: 1, tenantId: 'ten_1', mode: 'test', locale: null, url: 'http://a.test/' },
    ...{ signature: 'standard', sealed: [], concurrency: 1, pausedReason: null, pausedAt: null, probeAt: null },
    ...{ generation: 0, cursor: 0, done: [], tries: [], readyAt: START, now: START, isFrozen: true, events },
    ...{ lastSeq: last, newestSeq: last, lost: null },
    ...more,
  };
}

const answered = (failure: Answered['failure']): Answered => ({
  ...{ failure, status: failure === null ? 200 : 500, error: failure === null ? null : 'it answered 500' },
  ...{ excerpt: '', durationMs: 1 },
});

/** Runs it; `answers` by number of the event, true where it is taken. */
async function run(
  given: WebhookWork,
  answers: (seq: number) => Answered['failure'] | 'broken' | Promise<null>,
  isStored: (progress: WebhookProgress) => boolean | Promise<boolean> = () => true,
) {
  const stored: WebhookProgress[] = [];
  const posted: number[] = [];
  const one = new Run(given, {
    store: {
      async progressWebhook(progress) {
        stored.push(structuredClone(progress));
        return isStored(progress);
      },
    },
    async post({ seq }) {
      posted.push(seq);
      const answer = await answers(seq);
      return answer === 'broken' ? null : answered(answer);
    },
    isCalledOff: () => false,
    random01: () => 0,
  });
  return { end: await one.go(), stored, posted, last: stored.at(-1) };
}

test('a run delivers what it has in order and stores its place behind the last one', async () => {
  const { posted, last, end } = await run(work(), () => null);
  assert.deepEqual(posted, [1, 2, 3]);
  assert.equal(last!.cursor, 3);
  assert.deepEqual([last!.tries, last!.done], [[], []]);
  assert.equal(end.isMore, false);
});

test('an event that fails holds up those after it, and its next attempt is named', async () => {
  const { posted, last, end } = await run(work(), (seq) => (seq === 2 ? 'status' : null));
  assert.deepEqual(posted, [1, 2]);
  assert.equal(last!.cursor, 1);
  assert.deepEqual(last!.tries, [{ seq: 2, failed: 1, nextAt: START + 5000 }]);
  assert.deepEqual([end.nextAt, end.isBlocked], [START + 5000, true]);
});

test('with a concurrency others overtake it, and only what it was delivered ahead is kept beside the place', async () => {
  const events = [event(1, 'a'), event(2, 'b'), event(3, 'a'), event(4, 'b')];
  const { posted, last, end } = await run(work({ concurrency: 3, events }), (seq) => (seq === 1 ? 'status' : null));
  assert.deepEqual(
    posted.toSorted((a, b) => a - b),
    [1, 2, 4],
  );
  assert.ok(posted.indexOf(2) < posted.indexOf(4));
  assert.equal(last!.cursor, 0);
  assert.deepEqual(last!.done, [2, 4]);
  assert.equal(end.isBlocked, false);
});

test('no more events are under way at once than the concurrency allows', async () => {
  const gate = Promise.withResolvers<null>();
  let underWay = 0;
  let most = 0;
  const events = Array.from({ length: 10 }, (_, i) => event(i + 1));
  const { posted } = await run(work({ concurrency: 4, events }), async () => {
    underWay += 1;
    most = Math.max(most, underWay);
    if (underWay === 4) gate.resolve(null);
    await gate.promise;
    underWay -= 1;
    return null;
  });
  assert.equal(most, 4);
  assert.equal(posted.length, 10);
});

test('a run whose endpoint was changed meanwhile begins nothing more and asks to be looked at again', async () => {
  const { posted, end } = await run(
    work({ events: Array.from({ length: 50 }, (_, i) => event(i + 1)) }),
    () => 'status',
    () => false,
  );
  assert.deepEqual(posted, [1]);
  assert.equal(end.isMore, true);
});

test('a run that is called off begins nothing more and stores what was delivered', async () => {
  const posted: number[] = [];
  const cursors: number[] = [];
  const run = new Run(work(), {
    store: {
      async progressWebhook({ cursor }) {
        cursors.push(cursor);
        return true;
      },
    },
    async post({ seq }) {
      posted.push(seq);
      return answered(null);
    },
    isCalledOff: () => posted.length === 2,
    random01: () => 0,
  });
  await run.go();
  assert.deepEqual([posted, cursors], [[1, 2], [2]]);
});

test('an endpoint that answers late gives its room to others after one event, and goes on later', async () => {
  const posted: number[] = [];
  const run = new Run(work(), {
    store: { progressWebhook: async () => true },
    async post({ seq }) {
      posted.push(seq);
      return { ...answered(null), durationMs: 14_000 };
    },
    isCalledOff: () => false,
    random01: () => 0,
  });
  const end = await run.go();
  assert.deepEqual(posted, [1]);
  assert.deepEqual([end.isSlow, end.isMore], [true, true]);
});

test('what was broken off by a stop says nothing of the endpoint', async () => {
  const { stored } = await run(work(), () => 'broken');
  assert.deepEqual(stored, []);
});

test('events that retention removed are told once, and delivery goes on with the oldest that is kept', async () => {
  const lost = { fromSeq: 1, toSeq: 7 };
  const { stored, posted } = await run(work({ lost, events: [event(8)] }), () => null);
  assert.deepEqual(posted, [8]);
  assert.deepEqual(
    stored.map((one) => one.lost),
    stored.map((_, i) => (i === 0 ? lost : null)),
  );
});

test('nine attempts pass at once where the clock has moved on, and the pause is stored with them', async () => {
  const { posted, stored, end } = await run(work({ now: START + 3_600_000 }), () => 'tls');
  assert.deepEqual(posted, new Array(9).fill(1));
  const { pause } = stored.at(-1)!;
  assert.equal(pause!.reason, 'tls');
  assert.equal(pause!.at, START + 810_000);
  assert.equal(stored.flatMap((one) => one.attempts).length, 9);
  assert.ok(end.isPausing);
});

test('a paused endpoint is left alone until its probe is due, and one good answer resumes it', async () => {
  const paused = { pausedReason: 'failing', pausedAt: START, probeAt: START + 3_600_000 } as const;
  assert.deepEqual((await run(work(paused), () => null)).posted, []);
  const due = work({ ...paused, now: START + 3_600_000 });
  const failed = await run(due, () => 'status');
  assert.deepEqual(failed.posted, [1]);
  assert.equal(failed.last!.probeAt, START + 7_200_000);
  assert.equal(failed.last!.resumes, false);
  const { last, posted, end } = await run(due, () => null);
  assert.deepEqual(posted, [1]);
  assert.deepEqual([last!.resumes, last!.cursor], [true, 1]);
  assert.equal(end.isMore, true);
});

test('what falls due while its place is stored is attempted without a further call', async () => {
  const now = Date.now();
  const nextAt = now + 30;
  const { end, posted } = await run(
    work({ concurrency: 2, isFrozen: false, now, tries: [{ seq: 1, failed: 1, nextAt }] }),
    () => null,
    async () => {
      await new Promise(setImmediate);
      while (Date.now() <= nextAt + 5);
      return true;
    },
  );
  assert.deepEqual(posted, [2, 3]);
  assert.deepEqual([end.isMore, end.isBlocked], [true, false]);
});

test('what is about no message holds up nothing else', async () => {
  const bare = (seq: number): EventRow => ({ ...event(seq), data: { message_id: null } });
  const { posted } = await run(
    work({ concurrency: 2, events: [bare(1), bare(2)], tries: [{ seq: 1, failed: 1, nextAt: START + 1000 }] }),
    () => null,
  );
  assert.deepEqual(posted, [2]);
});

test('a run that knows only what waits for a failed event of the same message waits with it, however long the log is', async () => {
  const events = [event(1, 'msg_a'), event(2, 'msg_a'), event(3, 'msg_a')];
  const tries = [{ seq: 1, failed: 4, nextAt: START + 600_000 }];
  const { end, posted } = await run(work({ concurrency: 2, events, tries, newestSeq: 300 }), () => null);
  assert.deepEqual(posted, []);
  assert.deepEqual([end.isMore, end.isBlocked, end.nextAt], [false, true, START + 600_000]);
});
