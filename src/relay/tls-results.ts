/**
 * What TLS came to, by provider and mail host: kept in memory, for people to look at. Bounded: of each provider the hosts met
 * last, of providers those used last. Reports to the hosts' owners (RFC 8460) are not made of it.
 */
import type { NotTaken, Session } from './smtp/session.ts';

export type TlsOutcome =
  /** Encrypted, and the certificate proves the host. */
  | 'verified'
  /** Encrypted to whoever answered. */
  | 'unverified'
  | 'plain'
  /** TLS was required, and nothing was sent. */
  | 'failed';

export type TlsResult = {
  host: string;
  outcome: TlsOutcome;
  /** For example "TLSv1.3"; null in plain text. */
  protocol: string | null;
  cipher: string | null;
  /** Why it is not `verified`; null where it is. */
  why: string | null;
  /** What asked for verified TLS: the provider's settings, or a policy of the recipient's domain (RFC 8461); null: nothing. */
  requiredBy: TlsRequirement;
  lastSeenAt: number;
  /** Connections since the start, by outcome. */
  counts: Record<TlsOutcome, number>;
};

export type TlsRequirement = 'settings' | 'mta-sts' | null;

const MOST_HOSTS = 500;
const MOST_PROVIDERS = 500;

export class TlsResults {
  readonly #providers = new Map<string, Map<string, TlsResult>>();

  /** Takes in what came of a connection; one that ended before TLS was tried says nothing. */
  note(provider: string, host: string, opened: Session | NotTaken, requiredBy: TlsRequirement): void {
    const seen = seenIn(opened);
    if (seen === null) return;
    const hosts = this.#providers.get(provider) ?? new Map<string, TlsResult>();
    const counts = hosts.get(host)?.counts ?? { verified: 0, unverified: 0, plain: 0, failed: 0 };
    counts[seen.outcome] += 1;
    putLast(hosts, host, { host, ...seen, requiredBy, lastSeenAt: Date.now(), counts }, MOST_HOSTS);
    putLast(this.#providers, provider, hosts, MOST_PROVIDERS);
  }

  /** Of one provider, by id; the host met last stands first. */
  of(provider: string): TlsResult[] {
    return [...(this.#providers.get(provider)?.values() ?? [])].reverse();
  }
}

type Seen = Pick<TlsResult, 'outcome' | 'protocol' | 'cipher' | 'why'>;

function seenIn(opened: Session | NotTaken): Seen | null {
  if ('outcome' in opened) {
    if (opened.stage !== 'tls') return null;
    return { outcome: 'failed', protocol: null, cipher: null, why: opened.reply.text };
  }
  const { tls, tlsFailure, offers } = opened;
  if (tls === null) {
    const why = tlsFailure ?? (offers.hasStartTls ? 'STARTTLS was not used' : 'the host does not offer STARTTLS');
    return { outcome: 'plain', protocol: null, cipher: null, why };
  }
  const { protocol, cipher, untrusted } = tls;
  return { outcome: untrusted === null ? 'verified' : 'unverified', protocol, cipher, why: untrusted };
}

/** The first of a map is the one that was put longest ago. */
function putLast<T>(map: Map<string, T>, key: string, value: T, most: number): void {
  map.delete(key);
  map.set(key, value);
  const first = map.keys().next();
  if (map.size > most && !first.done) map.delete(first.value);
}
