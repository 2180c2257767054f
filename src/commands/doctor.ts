/** `postern doctor`: looks at everything around the gateway that mail depends on, and says what to do about it. */
import { Resolver } from 'node:dns/promises';
import { resolve } from 'node:path';
import { readSettings, type Settings } from '../config/settings.ts';
import { askRunning } from '../control.ts';
import { type Finding, fail, ok, warn, within } from './doctor/finding.ts';
import { lookAtCertificate, lookAtClock, lookAtData, lookAtDisk } from './doctor/machine.ts';
import { type Lookups, lookAtRecords } from './doctor/records.ts';
import { firstMail, lookAtPort25, lookAtProvider, wayOut } from './doctor/way-out.ts';
import { EXIT_DONE, EXIT_FAILED } from './exit-codes.ts';
import { readOptions } from './options.ts';

const HELP = `Usage: postern doctor [--json]

Looks at the clock, the disk, the data folder, the certificate, the records of POSTERN_DOMAIN, the default provider and port 25, and
says what a first mail to somebody outside would meet. Changes nothing; runs beside a gateway or without one, within half a minute.
Exit code 1 where something fails.
`;

const LOCAL_MS = 10_000;
const NETWORK_MS = 20_000;
const LOOKUP = { timeout: 2000, tries: 2 };

type Running = { health: string | null; dkim: { name: string; value: string } | null };

export async function doctorCommand(args: string[]): Promise<number> {
  const given = readOptions(args, {}, HELP);
  if (typeof given === 'number') return given;
  const read = readSettings(process.env);
  const findings = read.ok
    ? await checkUp(read.settings)
    : [fail('settings', read.message, 'Set it right: docs/reference/config.md lists them all.')];
  const isWell = findings.every(({ state }) => state !== 'fail');
  if (given.values['json'] === true) process.stdout.write(`${JSON.stringify({ ok: isWell, checks: findings })}\n`);
  else process.stdout.write(`${findings.map(lineOf).join('\n')}\n`);
  return isWell ? EXIT_DONE : EXIT_FAILED;
}

export async function checkUp(settings: Settings, now = Date.now()): Promise<Finding[]> {
  const directory = resolve(settings.dataDir);
  const running = await runningGateway(directory);
  const lookups = lookupsWith(settings.dnsServers);
  const looks = [
    within('gateway', LOCAL_MS, () => [gatewayFinding(running)]),
    within('clock', LOCAL_MS, () => lookAtClock(directory, now)),
    within('disk', LOCAL_MS, () => lookAtDisk(directory)),
    within('data', LOCAL_MS, () => lookAtData(directory, running !== null)),
    within('tls', LOCAL_MS, () => lookAtCertificate(settings, now)),
    within('dns', NETWORK_MS, () => recordFindings(settings, running, lookups)),
    within('provider', NETWORK_MS, () => lookAtProvider(settings)),
    within('port25', NETWORK_MS, () => lookAtPort25(settings, lookups)),
  ];
  const findings = (await Promise.all(looks)).flat();
  return [...findings, firstMail(settings, findings)];
}

async function runningGateway(directory: string): Promise<Running | null> {
  const asked = askRunning(directory, { command: 'doctor' }).catch(() => null);
  const late = new Promise<null>((end) => setTimeout(() => end(null), LOCAL_MS).unref());
  const reply = await Promise.race([asked, late]);
  return reply?.ok === true ? (reply.output as Running) : null;
}

function gatewayFinding(running: Running | null): Finding {
  if (running === null)
    return warn('gateway', 'No gateway runs on the data folder.', 'Start it: npm start, or postern serve.');
  if (running.health === null) return ok('gateway', 'It runs, and its store is well.');
  return fail('gateway', `It runs, and ${running.health}.`, 'It answers 503 until that is put right.');
}

function recordFindings(settings: Settings, running: Running | null, lookups: Lookups): Promise<Finding[]> | Finding[] {
  const { domain } = settings;
  const way = wayOut(settings);
  if (domain.endsWith('.localhost')) {
    const detail = `${domain} is a name for this machine alone: there are no records to look at.`;
    if (way === 'sink') return [{ name: 'dns', state: 'skip', detail, remedy: null }];
    return [fail('dns', detail, 'Set POSTERN_DOMAIN to a domain of yours.')];
  }
  return lookAtRecords({ domain, dkim: running?.dkim ?? null, isDirect: way === 'direct', lookups });
}

/** Look-ups through the resolvers that are set. A name without the record is an empty answer. */
function lookupsWith(servers: readonly string[]): Lookups {
  const resolver = new Resolver(LOOKUP);
  if (servers.length > 0) resolver.setServers(servers);
  const some = async <T>(asked: Promise<T[]>): Promise<T[]> => {
    try {
      return await asked;
    } catch (fault) {
      const { code } = fault as NodeJS.ErrnoException;
      if (code === 'ENOTFOUND' || code === 'ENODATA') return [];
      throw fault;
    }
  };
  return {
    addresses: async (name) =>
      (await Promise.all([some(resolver.resolve4(name)), some(resolver.resolve6(name))])).flat(),
    mx: async (name) =>
      (await some(resolver.resolveMx(name))).sort((a, b) => a.priority - b.priority).map(({ exchange }) => exchange),
    txt: async (name) => (await some(resolver.resolveTxt(name))).map((parts) => parts.join('')),
    ptr: (address) => some(resolver.reverse(address)),
  };
}

const NAME_WIDTH = 11;

function lineOf({ name, state, detail, remedy }: Finding): string {
  const line = `${state.padEnd(5)} ${name.padEnd(NAME_WIDTH)} ${detail}`;
  return remedy === null ? line : `${line}\n${' '.repeat(NAME_WIDTH + 7)}→ ${remedy}`;
}
