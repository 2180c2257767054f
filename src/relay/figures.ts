/** The relay's figures for Prometheus. */
import { Gauge, Histogram, type Registry } from 'prom-client';

/**
 * Registers them. `onDot` takes the milliseconds between the mark before a dot and its stored answer: a process that ends
 * within them leaves the recipient uncertain, so deliveries a second times this span is what a kill may send twice.
 */
export function relayFigures(registry: Registry, inFlight: () => number): { onDot: (spanMs: number) => void } {
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
  return { onDot: (spanMs) => spans.observe(spanMs / 1000) };
}
