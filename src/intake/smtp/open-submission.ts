/** SMTP submission as a whole: the certificate and the server, or nothing where the port is off. */
import { openCertificate } from '../../base/certificate.ts';
import { type SubmissionParts, type SubmissionServer, startSubmission } from './submission-server.ts';

export type OpenParts = Omit<SubmissionParts, 'port' | 'name' | 'tls'> & {
  /** Null: nothing listens. */
  port: number | null;
  domain: string;
  /** Paths of the operator's certificate and key, or null. */
  tlsCert: string | null;
  tlsKey: string | null;
  /** The data folder, where a certificate is made otherwise. */
  directory: string;
};

export type SubmissionOpening = { ok: true; server: SubmissionServer | null } | { ok: false; message: string };

export async function openSubmission(parts: OpenParts): Promise<SubmissionOpening> {
  const { host, port, domain, directory } = parts;
  if (port === null) return { ok: true, server: null };
  const opened = openCertificate({ certificate: parts.tlsCert, key: parts.tlsKey }, directory, domain);
  if (!opened.ok) return opened;
  try {
    return { ok: true, server: await startSubmission({ ...parts, port, name: domain, tls: opened.certificate }) };
  } catch (error) {
    const why = (error as Error).message;
    return { ok: false, message: `POSTERN_SMTP_PORT ${port} on POSTERN_HOST ${host} cannot be opened: ${why}.` };
  }
}
