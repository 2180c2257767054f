/** The way out: the default provider, port 25, and what a first mail to somebody outside would meet. */
import { connect } from 'node:net';
import type { Settings } from '../../config/settings.ts';
import { probeOutbound } from '../../main.ts';
import { probeWords } from '../../relay/probe.ts';
import { type Finding, fail, ok, skip, warn } from './finding.ts';
import type { Lookups } from './records.ts';

const CONNECT_MS = 5000;
/** Somebody who takes mail on port 25 for certain, and from whom nothing but a greeting is wanted. */
const FAR_DOMAIN = 'gmail.com';

export type WayOut = 'sink' | 'direct' | 'relay';

export function wayOut({ outbound }: Settings): WayOut {
  if (outbound === 'sink:') return 'sink';
  if (outbound.startsWith('direct:')) return 'direct';
  return 'relay';
}

/** Opens a session as a delivery would, signs in, and leaves without a message. */
export async function lookAtProvider(settings: Settings): Promise<Finding[]> {
  const name = 'provider';
  const way = wayOut(settings);
  if (way === 'sink') return [ok(name, 'Mail stays on this machine, in the sink (POSTERN_OUTBOUND is sink:).')];
  if (way === 'direct') return [skip(name, 'Mail goes straight to its receivers: there is no relay to ask.')];
  const probe = await probeOutbound(settings);
  if (probe.outcome === 'unreadable') return [fail(name, probe.error, 'Set POSTERN_OUTBOUND right.')];
  const { where } = probe;
  if (probe.outcome === 'not_taken') {
    const { stage, reply } = probe;
    const remedy = REMEDIES[stage] ?? 'Check host, port, user and password in POSTERN_OUTBOUND.';
    return [fail(name, `${where} does not take us (${stage}): ${reply}`, remedy)];
  }
  return [ok(name, probeWords(probe).detail)];
}

const REMEDIES: Record<string, string> = {
  connect: 'Check host and port in POSTERN_OUTBOUND, and whether a firewall lets this machine out to them.',
  tls: 'The relay needs a valid certificate; tls= and verify= in POSTERN_OUTBOUND say what is asked of it.',
  auth: 'Check user and password in POSTERN_OUTBOUND; write %40 for @.',
};

/** Many networks let nobody out on port 25. Only mail that goes straight to its receivers needs it. */
export async function lookAtPort25(settings: Settings, lookups: Lookups): Promise<Finding[]> {
  const name = 'port25';
  if (wayOut(settings) !== 'direct') return [skip(name, 'Mail does not go straight to its receivers from here.')];
  const [host] = await lookups.mx(FAR_DOMAIN);
  const remedy = 'Ask your provider to open port 25 outward, or send through a relay (POSTERN_OUTBOUND=smtp://…).';
  if (host === undefined) return [warn(name, `No mail server to try was found for ${FAR_DOMAIN}.`, remedy)];
  const [address] = await lookups.addresses(host);
  if (address === undefined) return [warn(name, `${host} has no address.`, remedy)];
  const trouble = await connectTo(address, 25);
  return [
    trouble === null
      ? ok(name, `${host} answers on port 25.`)
      : fail(name, `${host} cannot be reached on port 25: ${trouble}.`, remedy),
  ];
}

/** Null once something answers there. */
function connectTo(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_MS });
    const end = (trouble: string | null): void => {
      socket.destroy();
      resolve(trouble);
    };
    socket.once('connect', () => end(null));
    socket.once('timeout', () => end('no answer'));
    socket.once('error', (error) => end(error.message));
  });
}

/** What all of it comes to for the first mail to somebody outside. */
export function firstMail(settings: Settings, findings: readonly Finding[]): Finding {
  const name = 'first mail';
  const { domain } = settings;
  if (wayOut(settings) === 'sink') {
    return ok(name, 'A first mail would not leave: it would be kept in the sink, to be read at /v1/sink.');
  }
  if (domain.endsWith('.localhost')) {
    const remedy = 'Set POSTERN_DOMAIN to a domain of yours and publish its records.';
    return fail(name, `A first mail would come from ${domain}, which is nobody's: receivers would refuse it.`, remedy);
  }
  const lacking = (one: string): boolean =>
    findings.some((finding) => finding.name === one && finding.state !== 'ok' && finding.state !== 'skip');
  const broken = findings.find(({ name: one, state }) => state === 'fail' && (one === 'provider' || one === 'port25'));
  if (broken !== undefined)
    return fail(name, 'A first mail would wait in the queue: the way out is closed.', broken.remedy!);
  if (lacking('dns.ptr')) {
    return fail(
      name,
      'A first mail would be refused by most: the address it comes from has no name that leads back.',
      'See dns.ptr above.',
    );
  }
  const missing = [
    ...(lacking('dns.spf') ? ['SPF'] : []),
    ...(lacking('dns.dkim') ? ['DKIM'] : []),
    ...(lacking('dns.dmarc') ? ['DMARC'] : []),
  ];
  if (missing.includes('SPF') && missing.includes('DKIM')) {
    return fail(
      name,
      `A first mail from ${domain} would prove nothing of its origin: large receivers refuse it.`,
      'Publish the SPF and DKIM records above.',
    );
  }
  if (missing.length > 0) {
    const detail = `A first mail from ${domain} would arrive with ${missing.join(' and ')} missing, and perhaps as spam.`;
    return warn(name, detail, 'Publish the records above.');
  }
  return ok(name, `A first mail from ${domain} would arrive signed and with its origin proved; begin with few a day.`);
}
