/** Taking in mail as a whole: reader, inbox and listener, started and stopped together. */
import { openCertificate } from '../base/certificate.ts';
import type { Certificate } from '../base/self-signed.ts';
import type { Tokens } from '../base/tokens.ts';
import type { Blobs } from '../data/blobs.ts';
import type { Store } from '../data/store.ts';
import { InboundReader } from './inbound-reader.ts';
import { Inbox } from './inbox.ts';
import { type Listener, type ListenerLimits, type ListenerLog, startListener } from './listener.ts';
import { Postmaster } from './postmaster.ts';

export type InboundParts = {
  store: Store;
  blobs: Blobs;
  tokens: Tokens;
  log: ListenerLog;
  /** What the reader's thread runs. */
  script: URL;
  host: string;
  /** Null: nothing listens, and mail is only taken from mailboxes. */
  port: number | null;
  domain: string;
  /** Paths of the operator's certificate and key, or null. */
  tlsCert: string | null;
  tlsKey: string | null;
  /** The data folder, where a certificate is made otherwise. */
  directory: string;
  limits?: Partial<ListenerLimits>;
};

export type Inbound = {
  inbox: Inbox;
  /** `host:port`, or null where nothing listens. */
  address: string | null;
  renewCertificate(certificate: Certificate): void;
  stop(): Promise<void>;
};

export async function startInbound(
  parts: InboundParts,
): Promise<{ ok: true; inbound: Inbound } | { ok: false; message: string }> {
  const { store, blobs, tokens, log, host, port, domain } = parts;
  const reader = new InboundReader(parts.script);
  const inbox = new Inbox({ store, blobs, reader, tokens });
  const postmaster = new Postmaster({ store, reader, domain });
  let listener: Listener | null = null;
  if (port !== null) {
    const opened = openCertificate({ certificate: parts.tlsCert, key: parts.tlsKey }, parts.directory, domain);
    if (!opened.ok) return opened;
    try {
      listener = await startListener({
        ...{ host, port, name: domain, tls: opened.certificate, inbox, postmaster, log },
        ...(parts.limits === undefined ? {} : { limits: parts.limits }),
      });
    } catch (error) {
      const why = (error as Error).message;
      return { ok: false, message: `POSTERN_INBOUND_PORT ${port} on POSTERN_HOST ${host} cannot be opened: ${why}.` };
    }
  }
  return {
    ok: true,
    inbound: {
      inbox,
      address: listener?.address ?? null,
      renewCertificate: (certificate) => listener?.renewCertificate(certificate),
      async stop() {
        await listener?.close();
        await reader.close();
      },
    },
  };
}
