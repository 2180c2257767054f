/**
 * Figures for Prometheus, read when somebody asks: what the store counts anyway, requests by route and status, and the
 * queue. Requests are counted in a plain map, since every accept passes here.
 */
import { Counter, Gauge, Registry } from 'prom-client';
import type { Store } from '../data/store.ts';

export class Metrics {
  readonly registry = new Registry();
  /** By route, method and status. */
  private readonly requests = new Map<string, Map<string, Map<number, number>>>();
  private readonly store: Store;

  constructor(store: Store) {
    this.store = store;
    this.storeFigures();
    this.requestFigures();
    this.queueFigures();
    this.processFigures();
  }

  /** A request was answered; `url`: of its route. */
  count(url: string, method: string, status: number): void {
    const ofRoute = this.requests.get(url) ?? added(this.requests, url, new Map<string, Map<number, number>>());
    const ofMethod = ofRoute.get(method) ?? added(ofRoute, method, new Map<number, number>());
    ofMethod.set(status, (ofMethod.get(status) ?? 0) + 1);
  }

  private storeFigures(): void {
    const { store } = this;
    const registers = [this.registry];
    counter(
      'postern_store_groups_total',
      'Groups of calls, each one transaction.',
      registers,
      () => store.figures().groups,
    );
    counter('postern_store_calls_total', 'Calls to the writer.', registers, () => store.figures().calls);
    gauge(
      'postern_store_largest_group',
      'Calls in the largest group so far.',
      registers,
      () => store.figures().largestGroup,
    );
    new Counter({
      name: 'postern_store_micros_total',
      help: 'Microseconds spent in the writer, by part.',
      labelNames: ['part'],
      registers,
      collect() {
        this.reset();
        for (const [part, micros] of Object.entries(store.figures().micros)) this.inc({ part }, Math.round(micros));
      },
    });
  }

  private requestFigures(): void {
    const { requests } = this;
    new Counter({
      name: 'postern_http_requests_total',
      help: 'Answered requests.',
      labelNames: ['method', 'route', 'status'],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [route, ofRoute] of requests)
          for (const [method, ofMethod] of ofRoute)
            for (const [status, count] of ofMethod) this.inc({ method, route, status }, count);
      },
    });
  }

  private queueFigures(): void {
    const { store } = this;
    new Gauge({
      name: 'postern_queue_recipients',
      help: 'Recipients on their way: waiting for their time, due now, claimed by a worker.',
      labelNames: ['state'],
      registers: [this.registry],
      async collect() {
        const { waiting, due, claimed } = await store.queueFigures(null);
        this.set({ state: 'waiting' }, waiting);
        this.set({ state: 'due' }, due);
        this.set({ state: 'claimed' }, claimed);
      },
    });
  }

  private processFigures(): void {
    const registers = [this.registry];
    gauge('process_resident_memory_bytes', 'Resident memory.', registers, () => process.memoryUsage.rss());
    counter('process_cpu_seconds_total', 'Processor time.', registers, () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1_000_000;
    });
    gauge('process_start_time_seconds', 'When the process started.', registers, () =>
      Math.floor(performance.timeOrigin / 1000),
    );
  }
}

function added<Key, Value>(map: Map<Key, Value>, key: Key, value: Value): Value {
  map.set(key, value);
  return value;
}

function counter(name: string, help: string, registers: Registry[], value: () => number): void {
  new Counter({
    name,
    help,
    registers,
    collect() {
      this.reset();
      this.inc(value());
    },
  });
}

function gauge(name: string, help: string, registers: Registry[], value: () => number): void {
  new Gauge({
    name,
    help,
    registers,
    collect() {
      this.set(value());
    },
  });
}
