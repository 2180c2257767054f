/** A Postfix of one's own that relays everything to one next hop, or drops what it has taken: what the gateway is measured against. */
import { freePort, postfixLacks, smtpPort, startOwnPostfix } from '../../test/harness/own-postfix.ts';

export type Postfix = { port: number; stop: () => void };

const MAIN = (sinkPort: number | null, connections: number) => `myhostname = bench.example
mynetworks = 127.0.0.0/8
${sinkPort === null ? 'default_transport = discard:' : `relayhost = [127.0.0.1]:${sinkPort}`}
smtp_tls_security_level = none
smtpd_tls_security_level = none
default_destination_concurrency_limit = ${connections}
initial_destination_concurrency = ${connections}
smtp_connection_cache_on_demand = yes
in_flow_delay = 0
maillog_file =
`;

/**
 * Null, and nothing started, where there is no Postfix or no right to run one. Without a sink's port it accepts durably, and drops
 * what it has queued.
 */
export async function startPostfix(sinkPort: number | null, connections: number): Promise<Postfix | null> {
  if (postfixLacks() !== null) return null;
  const port = await freePort();
  try {
    const { stop } = startOwnPostfix({
      name: 'bench-postfix',
      main: () => MAIN(sinkPort, connections),
      master: `${smtpPort(port)}local unix - n n - - local\n`,
    });
    return { port, stop };
  } catch {
    return null;
  }
}
