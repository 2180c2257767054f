/** The certificate of the listeners: the operator's, or one made at the first start and kept in the data folder. */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { type Certificate, makeSelfSigned } from './self-signed.ts';

export type CertificateReading = { ok: true; certificate: Certificate } | { ok: false; message: string };

const GIVEN = 'POSTERN_TLS_CERT and POSTERN_TLS_KEY';

/** `given`: paths of PEM files, both or none. `host`: what a certificate made here is for. */
export function openCertificate(
  given: { certificate: string | null; key: string | null },
  directory: string,
  host: string,
): CertificateReading {
  const isGiven = given.certificate !== null && given.key !== null;
  const paths = isGiven
    ? { certificate: given.certificate!, key: given.key! }
    : { certificate: join(directory, 'tls', 'self-signed.crt'), key: join(directory, 'tls', 'self-signed.key') };
  if (!isGiven && !(existsSync(paths.certificate) && existsSync(paths.key)))
    makeFiles(join(directory, 'tls'), paths, host);
  const named = isGiven ? GIVEN : `${paths.certificate} and its key`;
  return readCertificate(paths, named);
}

/** A pair of PEM files, as they are now. `named`: what to call them where they cannot be used. */
export function readCertificate(
  paths: { certificate: string; key: string },
  named: string = GIVEN,
): CertificateReading {
  try {
    const certificate = { certificate: readFileSync(paths.certificate, 'utf8'), key: readFileSync(paths.key, 'utf8') };
    createSecureContext({ cert: certificate.certificate, key: certificate.key });
    return { ok: true, certificate };
  } catch (error) {
    return { ok: false, message: `${named} cannot be used: ${(error as Error).message}.` };
  }
}

/** The key first, and each whole or not at all: a certificate without its key is made anew. */
function makeFiles(folder: string, paths: { certificate: string; key: string }, host: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const made = makeSelfSigned(host, Date.now());
  for (const [path, text] of [
    [paths.key, made.key],
    [paths.certificate, made.certificate],
  ] as const) {
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    chmodSync(`${path}.new`, 0o600);
    renameSync(`${path}.new`, path);
  }
}
