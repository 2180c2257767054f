/** The machine under the gateway: its clock, its disk, the data folder, the certificate. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { constants, existsSync, type Stats } from 'node:fs';
import { access, open, readdir, readFile, rm, stat, statfs } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';
import type { Settings } from '../../config/settings.ts';
import { type Finding, fail, ok, skip, warn } from './finding.ts';

const DAY_MS = 86_400_000;
/** No gateway of this version ran before. */
const EARLIEST_MS = Date.UTC(2026, 0, 1);
const CLOCK_SLACK_MS = 60_000;
const LEAST_BYTES = 256 * 1024 * 1024;
const FEW_BYTES = 2 * 1024 * 1024 * 1024;
const FLUSHES = 15;
const SLOW_FLUSH_MS = 20;
/** `f_type` of file systems that lie in memory (statfs(2)). */
const IN_MEMORY: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);
const CERTIFICATE_SOON_DAYS = 14;
/** Written by systemd-timesyncd and read here by its age alone. */
const SYNCHRONIZED = '/run/systemd/timesync/synchronized';

export async function lookAtClock(directory: string, now: number): Promise<Finding[]> {
  const name = 'clock';
  const set = 'Set the clock, and let a time service (chrony, systemd-timesyncd) keep it.';
  const shown = new Date(now).toISOString();
  if (now < EARLIEST_MS) return [fail(name, `The clock says ${shown}, which cannot be.`, set)];
  const newest = await newestChange(directory);
  if (newest > now + CLOCK_SLACK_MS) {
    const detail = `The clock says ${shown}, and the data was last written later than that.`;
    return [fail(name, detail, set)];
  }
  if (existsSync(SYNCHRONIZED)) return [ok(name, `${shown}, kept by a time service.`)];
  return [
    warn(
      name,
      `${shown}; whether a time service keeps it cannot be seen from here.`,
      'Compare it with another clock; quotas and signatures depend on it.',
    ),
  ];
}

async function newestChange(directory: string): Promise<number> {
  const names = await readdir(directory).catch(() => []);
  const times = await Promise.all(
    names.map((name) =>
      stat(join(directory, name)).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  );
  return Math.max(0, ...times);
}

export async function lookAtDisk(directory: string): Promise<Finding[]> {
  const base = existingParent(directory);
  const { bavail, bsize, blocks, type } = await statfs(base);
  const free = bavail * bsize;
  const share = blocks === 0 ? 0 : bavail / blocks;
  const room = `${size(free)} free (${Math.round(share * 100)} %) in ${base}.`;
  const make = 'Make room, or set POSTERN_DATA_DIR to a larger disk: when it is full, sends are refused with 503.';
  const findings =
    free < LEAST_BYTES
      ? [fail('disk', room, make)]
      : [free < FEW_BYTES || share < 0.05 ? warn('disk', room, make) : ok('disk', room)];
  return [...findings, await lookAtFlush(base, type)];
}

function existingParent(directory: string): string {
  let path = directory;
  while (!existsSync(path) && resolve(path, '..') !== path) path = resolve(path, '..');
  return path;
}

/** An acknowledgement waits for a flush: what one takes bounds what a single sender sees. */
async function lookAtFlush(base: string, type: number): Promise<Finding> {
  const name = 'flush';
  if (IN_MEMORY.has(type)) {
    const detail = 'The data folder lies in memory: what was accepted is gone with the power.';
    return warn(name, detail, 'Put POSTERN_DATA_DIR on a disk.');
  }
  const path = join(base, `.postern-doctor-${process.pid}`);
  const times: number[] = [];
  const file = await open(path, 'w', 0o600);
  try {
    for (let n = 0; n < FLUSHES; n += 1) {
      const since = performance.now();
      await file.write(new Uint8Array(4096), 0, 4096, n * 4096);
      await file.sync();
      times.push(performance.now() - since);
    }
  } finally {
    await file.close();
    await rm(path, { force: true });
  }
  const median = times.sort((a, b) => a - b)[FLUSHES >> 1]!;
  const detail = `A flush to the disk takes ${median < 10 ? median.toFixed(1) : Math.round(median)} ms.`;
  if (median <= SLOW_FLUSH_MS) return ok(name, detail);
  return warn(name, detail, 'Each group of sends waits for one: a disk with a faster flush accepts more.');
}

export async function lookAtData(directory: string, isRunning: boolean): Promise<Finding[]> {
  const name = 'data';
  const running = isRunning ? 'a gateway runs on it' : 'no gateway runs on it now';
  const found = await stat(directory).catch(() => null);
  if (found === null) {
    return [ok(name, `${directory} is not there yet: the first start makes it.`)];
  }
  if (!found.isDirectory()) return [fail(name, `${directory} is no folder.`, 'Set POSTERN_DATA_DIR to a folder.')];
  const isOurs = await access(directory, constants.R_OK | constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!isOurs)
    return [
      fail(
        name,
        `${directory} cannot be written by this user.`,
        `Run as its owner, or: chown ${process.getuid?.() ?? ''} ${directory}`,
      ),
    ];
  const open = await openToOthers(directory, found);
  if (open.length > 0) {
    const detail = `Others on this machine can read ${open.join(', ')} in ${directory}; ${running}.`;
    return [warn(name, detail, `chmod go= ${open.map((one) => join(directory, one)).join(' ')}`)];
  }
  return [ok(name, `${directory}; ${running}.`)];
}

/** Keys that more than the owner can read. A folder closed to others keeps all in it. */
async function openToOthers(directory: string, folder: Stats): Promise<string[]> {
  if ((folder.mode & 0o077) === 0) return [];
  const open: string[] = [];
  for (const name of ['operator.key', 'master.secret', 'postern.db']) {
    const found = await stat(join(directory, name)).catch(() => null);
    if (found !== null && (found.mode & 0o044) !== 0) open.push(name);
  }
  return open;
}

export async function lookAtCertificate(settings: Settings, now: number): Promise<Finding[]> {
  const name = 'tls';
  if (settings.tlsCert === null || settings.tlsKey === null) return [withoutCertificate(settings)];
  const certificate = new X509Certificate(await readFile(settings.tlsCert));
  if (!certificate.checkPrivateKey(createPrivateKey(await readFile(settings.tlsKey)))) {
    return [fail(name, 'POSTERN_TLS_KEY is not the key of POSTERN_TLS_CERT.', 'Set both to files of one pair.')];
  }
  const from = Date.parse(certificate.validFrom);
  const until = Date.parse(certificate.validTo);
  const renew = 'Renew it and restart the gateway.';
  if (until <= now) return [fail(name, `The certificate ended on ${day(until)}.`, renew)];
  if (from > now) return [fail(name, `The certificate begins on ${day(from)}.`, 'Wait, or set the clock right.')];
  const wanted = settings.publicUrl === null ? settings.domain : new URL(settings.publicUrl).hostname;
  const fits = isIP(wanted) === 0 ? certificate.checkHost(wanted) : certificate.checkIP(wanted);
  if (fits === undefined) {
    return [
      warn(
        name,
        `The certificate is not for ${wanted}.`,
        `Get one for ${wanted}, or set POSTERN_PUBLIC_URL to a name that it has.`,
      ),
    ];
  }
  if (until - now < CERTIFICATE_SOON_DAYS * DAY_MS)
    return [warn(name, `The certificate ends on ${day(until)}.`, renew)];
  return [ok(name, `The certificate for ${wanted} is valid until ${day(until)}.`)];
}

function withoutCertificate({ host, trustProxy }: Settings): Finding {
  const name = 'tls';
  if (host === 'localhost' || host === '::1' || host.startsWith('127.')) {
    return skip(name, `No certificate, and none is needed: HTTP is served on ${host} alone.`);
  }
  if (trustProxy.length > 0) return skip(name, 'No certificate: a proxy in front has it.');
  const remedy =
    'Set POSTERN_TLS_CERT and POSTERN_TLS_KEY, or put a proxy with TLS in front and name it in POSTERN_TRUST_PROXY.';
  return warn(name, `Keys cross the network in plain text: HTTP is served on ${host} without a certificate.`, remedy);
}

const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

function size(bytes: number): string {
  const gigabytes = bytes / 1024 ** 3;
  return gigabytes >= 1 ? `${gigabytes.toFixed(1)} GB` : `${Math.round(bytes / 1024 ** 2)} MB`;
}
