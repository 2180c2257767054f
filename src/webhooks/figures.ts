/** Figures of webhooks for Prometheus. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Store } from '../data/store.ts';
import type { Outbox } from './outbox.ts';

export function webhookFigures(registry: Registry, store: Pick<Store, 'webhookFigures'>, outbox: Outbox): void {
  const registers = [registry];
  new Counter({
    name: 'postern_webhook_attempts_total',
    help: 'Attempts to deliver an event to an endpoint, by what came of them.',
    labelNames: ['outcome'],
    registers,
    collect() {
      const { delivered, failed } = outbox.figures;
      this.reset();
      this.inc({ outcome: 'delivered' }, delivered);
      this.inc({ outcome: 'failed' }, failed);
    },
  });
  new Counter({
    name: 'postern_webhook_pauses_total',
    help: 'Endpoints that were paused for what they answered, or did not.',
    registers,
    collect() {
      this.reset();
      this.inc(outbox.figures.paused);
    },
  });
  new Gauge({
    name: 'postern_webhook_under_way',
    help: 'Endpoints that are being delivered to, weighted by their concurrency.',
    registers,
    collect() {
      this.set(outbox.figures.underWay);
    },
  });
  new Gauge({
    name: 'postern_webhook_behind_events',
    help: 'Events that endpoints have not got yet: of all of them together, and of the one furthest behind.',
    labelNames: ['of'],
    registers,
    async collect() {
      const { behind, mostBehind } = await store.webhookFigures(null);
      this.set({ of: 'all' }, behind);
      this.set({ of: 'furthest' }, mostBehind);
    },
  });
  new Gauge({
    name: 'postern_webhook_endpoints',
    help: 'Endpoints.',
    labelNames: ['status'],
    registers,
    async collect() {
      const { active, paused } = await store.webhookFigures(null);
      this.set({ status: 'active' }, active);
      this.set({ status: 'paused' }, paused);
    },
  });
}
