/** The relay's figures for Prometheus. */
import { Gauge, Histogram, type Registry } from 'prom-client';
import type { Ways } from './ways.ts';

/**
 * Registers them. `onDot` takes the milliseconds between the mark before a dot and its stored answer: a process that ends
 * within them leaves the recipient uncertain, so deliveries a second times this span is what a kill may send twice.
 */
export function relayFigures(
  registry: Registry,
  { inFlight, ways, book }: { inFlight: () => number; ways: Pick<Ways, 'shapes' | 'breakers'>; book: { size: number } },
): { onDot: (spanMs: number) => void } {
  const registers = [registry];
  const spans = new Histogram({
    name: 'postern_relay_dot_span_seconds',
    help: 'From the mark before a final dot to its stored answer.',
    buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 30, 120, 600],
    registers,
  });
  new Gauge({
    name: 'postern_relay_in_flight',
    help: 'Recipients under claim.',
    registers,
    collect() {
      this.set(inFlight());
    },
  });
  new Gauge({
    name: 'postern_relay_shapes',
    help: 'Destinations, mailboxes and providers that mail is slowed down for.',
    labelNames: ['of'],
    registers,
    collect() {
      for (const { kind, shapes } of ways.shapes.figures()) this.set({ of: kind }, shapes);
    },
  });
  new Gauge({
    name: 'postern_relay_shaped_recipients',
    help: 'Recipients that hold a place in the line of such a shape.',
    labelNames: ['of'],
    registers,
    collect() {
      for (const { kind, waiting } of ways.shapes.figures()) this.set({ of: kind }, waiting);
    },
  });
  new Gauge({
    name: 'postern_relay_circuits_open',
    help: 'Providers, mailboxes, and pairs of mailbox and destination that circuit breakers keep mail away from.',
    registers,
    collect() {
      this.set(ways.breakers.closed);
    },
  });
  new Gauge({
    name: 'postern_relay_transports',
    help: 'Open transports of tenants.',
    registers,
    collect() {
      this.set(book.size);
    },
  });
  return { onDot: (spanMs) => spans.observe(spanMs / 1000) };
}
