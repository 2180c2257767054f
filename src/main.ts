/**
 * The composition root: configuration → store → stages. The only file that picks implementations.
 */
import type { Socket } from 'node:net';
import { join, resolve } from 'node:path';
import pino from 'pino';
import { contactErasureRoutes } from './admin/contact-erasure.ts';
import { docsRoutes } from './admin/docs/routes.ts';
import { DomainChecks } from './admin/domain-checks.ts';
import { DomainKeyMaker } from './admin/domain-keys.ts';
import { domainRoutes } from './admin/domains.ts';
import { eventRoutes } from './admin/events.ts';
import { watchKeyUse } from './admin/key-use.ts';
import { pageRoutes } from './admin/page/http.ts';
import { quarantineRoutes, type ReadMessageId } from './admin/quarantine.ts';
import { reasonRoutes } from './admin/reasons.ts';
import { returnHookRoutes } from './admin/return-hooks.ts';
import { adminRoutes } from './admin/routes.ts';
import { simulationRoutes } from './admin/simulations.ts';
import { sinkRoutes } from './admin/sink/http.ts';
import { MailReader } from './admin/sink/mail-reader.ts';
import { testClockRoutes } from './admin/test-clock.ts';
import { addressKey } from './base/address.ts';
import { openAddressGuard, openOnly } from './base/address-guard.ts';
import { type CertificateReading, readCertificate } from './base/certificate.ts';
import { lockData } from './base/data-lock.ts';
import { openDns } from './base/dns.ts';
import { armFailpoint } from './base/failpoint.ts';
import { type GuardedFetch, openGuardedFetch } from './base/guarded-fetch.ts';
import { decodeTypeId, encodeTypeId } from './base/ids.ts';
import { leavesMachine } from './base/leaves-machine.ts';
import type { Secrets } from './base/secrets.ts';
import { openTokens } from './base/tokens.ts';
import type { Settings } from './config/settings.ts';
import { type ControlParts, type ControlReply, type ControlRequest, control, serveControl } from './control.ts';
import { fileBlobs } from './data/blobs.ts';
import { migrateFolder } from './data/sqlite/database.ts';
import { openSqliteStore } from './data/sqlite/store.ts';
import type { Store } from './data/store.ts';
import { firstStart, keptOperatorKey, welcomeText } from './first-start.ts';
import { healthRoutes } from './http/health-routes.ts';
import { linksOf } from './http/problems.ts';
import { buildServer } from './http/server.ts';
import { faceRoutes, wordsOf } from './intake/faces/index.ts';
import { intakeRoutes } from './intake/http.ts';
import { mcpRoutes } from './intake/mcp/http.ts';
import { Policies } from './intake/policies.ts';
import { openSubmission } from './intake/smtp/open-submission.ts';
import { Intake } from './intake/submit.ts';
import type { MessageIds } from './intake/threads.ts';
import { openKeyring } from './keyring.ts';
import { Sweeper } from './queue/sweeper.ts';
import { classify } from './relay/classify.ts';
import { generateDkimKey } from './relay/dkim.ts';
import { openGatewayKey } from './relay/gateway-key.ts';
import { type Probe, probeTransport } from './relay/probe.ts';
import { providerTools } from './relay/provider-tools.ts';
import { ProviderWatch } from './relay/provider-watch.ts';
import { openOutbound, outboundSettings, startRelay } from './relay/relay.ts';
import { replies } from './relay/replies.ts';
import { TlsResults } from './relay/tls-results.ts';
import { kindOfUrl, type TransportParts } from './relay/transports/open-transport.ts';
import { feedbackRoutes } from './returns/feedback.ts';
import { returnRoutes } from './returns/http.ts';
import { type ImapOutside, startImap } from './returns/imap/start-imap.ts';
import { inboundRoutes } from './returns/inbound-http.ts';
import { operatorMailRoutes } from './returns/operator-mail-http.ts';
import { startInbound } from './returns/start-inbound.ts';
import { threadRoutes } from './returns/threads-http.ts';
import { unsubscribeRoutes } from './returns/unsubscribe.ts';
import { Simulations } from './simulate/simulations.ts';
import { openAddresses } from './webhooks/address.ts';
import { webhookFigures } from './webhooks/figures.ts';
import { webhookRoutes } from './webhooks/http.ts';
import { Outbox } from './webhooks/outbox.ts';

export type Gateway = {
  /** The line that says that all ports are open. */
  listening: { http: string; smtp: string | null; inbound: string | null };
  /** What people read on the first start, or null. */
  welcome: string | null;
  store: Store;
  /** How many clients wait for an event. */
  eventWaiters: () => number;
  /** Reads the operator's certificate anew, for connections from now on; one that cannot be used leaves the old one in place. */
  renewCertificate: () => void;
  stop: () => Promise<void>;
};

export type StartResult = { ok: true; gateway: Gateway } | { ok: false; message: string };

/** What a test puts in the place of the world outside. */
export type Outside = { fetch?: GuardedFetch; imap?: ImapOutside };

export async function startGateway(settings: Settings, outside: Outside = {}): Promise<StartResult> {
  const log = pino({ level: settings.logLevel }, pino.destination({ dest: 2, sync: false }));
  const unknownPoint = armFailpoint(settings.failpoint);
  if (unknownPoint !== null) return { ok: false, message: unknownPoint };
  let shelf: Store | null = null;
  const transportParts: TransportParts = { ...transportPartsOf(settings), stsShelf: () => shelf };
  const next = openOutbound(settings.outbound, transportParts);
  if ('error' in next) return { ok: false, message: next.error };
  const given = givenCertificate(settings);
  if (given !== null && !given.ok) return given;
  let controls: ControlParts | null = null;
  const data = await openData(settings, (socket) => serveControl(socket, () => controls));
  if (!data.ok) return data;
  const { directory, store } = data;
  shelf = store;
  // For a start that fails further on.
  const open: (() => Promise<unknown>)[] = [data.close];
  const giveUp = async (message: string): Promise<StartResult> => {
    for (const close of open.reverse()) await close();
    return { ok: false, message };
  };
  const operatorKey = settings.operatorKey ?? keptOperatorKey(directory);
  const keyring = await openKeyring(directory, settings.secret, store, log);
  if ('error' in keyring) return giveUp(keyring.error);
  const { secrets } = keyring;
  const blobs = fileBlobs(join(directory, 'blobs'));
  let publicUrl = settings.publicUrl ?? '';
  const gate = await buildServer({ store, settings, operatorKey, publicUrl: () => publicUrl, log });
  const intake = new Intake(store, blobs, messageIds(secrets, settings.domain));
  const policies = new Policies(store);
  const { server, problems } = gate;
  const reader = new MailReader();
  const door = { intake, policies, problems, store, blobs, secrets };
  intakeRoutes(server, door, gate.straight);
  faceRoutes(server, door);
  mcpRoutes(server, { ...door, routes: gate.routes, publicUrl: () => publicUrl, log });
  const providers = providerTools({ store, secrets, transportParts, outbound: settings.outbound });
  const managed = { store, blobs, problems, authenticator: gate.authenticator, providers };
  adminRoutes(server, managed);
  contactErasureRoutes(server, managed);
  const domainChecks = new DomainChecks({
    ...{ store, log, dns: transportParts.dns, gateway: settings.domain },
    onChange: (tenantNo) => relay?.forgetDomains(tenantNo),
  });
  const domainKeys = new DomainKeyMaker(secrets, generateDkimKey);
  domainRoutes(server, { store, problems, checks: domainChecks, keys: domainKeys, gateway: settings.domain });
  const simulations = new Simulations(store, directory, log);
  simulationRoutes(server, { store, problems, simulations });
  quarantineRoutes(server, { store, problems, readMessageId: messageIds(secrets, settings.domain).read });
  testClockRoutes(server, { store, problems });
  sinkRoutes(server, { store, problems, reader, addressKey });
  pageRoutes(server, { store, authenticator: gate.authenticator, reader, publicUrl: () => publicUrl });
  healthRoutes(server, { store, problems, metrics: gate.metrics });
  reasonRoutes(server, problems, wordsOf);
  const bell = eventRoutes(server, { store, problems, authenticator: gate.authenticator });
  returnRoutes(server, { store, problems, addressKey });
  inboundRoutes(server, { store, problems, blobs });
  operatorMailRoutes(server, { store, problems });
  threadRoutes(server, { store, problems, blobs, addressKey });
  returnHookRoutes(server, { store, problems, secrets, publicUrl: () => publicUrl });
  const feedback = feedbackRoutes(server, {
    ...{ store, problems, secrets, addressKey, log },
    tokens: openTokens(secrets),
    outbound: settings.outbound,
    fetch: outside.fetch ?? openGuardedFetch(transportParts.dns, transportParts.guard),
    readBounce: (said, stage) => classify(said, stage, replies()),
  });
  unsubscribeRoutes(server, { store, tokens: openTokens(secrets) });
  docsRoutes(server, { problems, publicUrl: () => publicUrl });
  const outboxParts = {
    ...{ store, secrets, log, addresses: openAddresses(transportParts.dns, settings.webhookAllow) },
    textsIn: (locale: string) => problems.textsIn(locale),
  };
  const outbox = settings.role === 'api' ? null : new Outbox(outboxParts);
  webhookRoutes(server, { ...outboxParts, problems, watch: (id, space) => outbox?.watch(id, space) });
  if (outbox !== null) webhookFigures(gate.metrics.registry, store, outbox);
  const keys = await firstStart(store);
  let address: string;
  try {
    address = await gate.server.listen({ port: settings.port, host: settings.host });
  } catch (error) {
    const why = (error as Error).message;
    return giveUp(`POSTERN_PORT ${settings.port} on POSTERN_HOST ${settings.host} cannot be opened: ${why}.`);
  }
  open.push(() => gate.server.close());
  publicUrl = settings.publicUrl ?? address;
  const inbound = await startInbound({
    ...{ ...settings, port: settings.inboundPort, directory, store, blobs, log },
    tokens: openTokens(secrets),
    script: new URL(import.meta.url.replace(/main(\.[jt]s)$/, 'inbound-thread$1')),
  });
  if (!inbound.ok) return giveUp(inbound.message);
  open.push(() => inbound.inbound.stop());
  const tokens = openTokens(secrets);
  const submission = await openSubmission({
    ...{ ...settings, port: settings.smtpPort, directory, door, log },
    ...{ authenticator: gate.authenticator, rates: gate.rates },
    isOwnId: (messageId) => tokens.parseMessageId(messageId.trim()) !== null,
  });
  if (!submission.ok) return giveUp(submission.message);
  const sweeper = new Sweeper(store, blobs, log);
  sweeper.start();
  await simulations.start();
  const providerWatch = new ProviderWatch({ store, test: (provider) => providers.test(provider), log });
  if (settings.role !== 'api') providerWatch.start();
  const keyUse = watchKeyUse(store, gate.authenticator);
  const relay =
    settings.role === 'api'
      ? null
      : startRelay({
          store,
          blobs,
          secrets,
          domain: settings.domain,
          publicUrl,
          outbound: next.outbound,
          transports: transportParts,
          log,
          registry: gate.metrics.registry,
          takesMail: inbound.inbound.address !== null,
        });
  const mailboxes =
    relay === null
      ? null
      : startImap({
          ...{ store, secrets, log, inbox: inbound.inbound.inbox, compose: (claimed) => relay.copyOf(claimed) },
          ...{ dns: transportParts.dns, guard: transportParts.guard, outside: outside.imap ?? {} },
        });
  if (settings.role !== 'api') domainChecks.start();
  await outbox?.start();
  controls = {
    store,
    intake,
    policies,
    texts: () => gate.problems.textsIn('en'),
    forgetKeys: () => gate.authenticator.forget(),
    rotateSecret: (secret) => keyring.rotate(secret),
    dkimRecord: async () => (await openGatewayKey(store, secrets, settings.domain)).record,
  };
  return {
    ok: true,
    gateway: {
      listening: { http: address, smtp: submission.server?.address ?? null, inbound: inbound.inbound.address },
      welcome: keys === null ? null : welcomeText(address, keys),
      store,
      eventWaiters: () => bell.count,
      renewCertificate() {
        const renewed = givenCertificate(settings);
        if (renewed === null) return;
        if (!renewed.ok) {
          log.error({ error: renewed.message }, 'the certificate stays as it was');
          return;
        }
        gate.renewCertificate(renewed.certificate);
        submission.server?.renewCertificate(renewed.certificate);
        inbound.inbound.renewCertificate(renewed.certificate);
        log.info('the certificate was read anew');
      },
      async stop() {
        // What is accepted while the relay stops is durable and goes out after the next start.
        const { graceMs } = settings;
        const doors = Promise.all([gate.server.close(), submission.server?.close()]);
        await Promise.all([within(doors, graceMs / 2), relay?.stop(graceMs * 0.9), outbox?.stop(graceMs * 0.9)]);
        await mailboxes?.stop();
        await feedback.stop();
        await inbound.inbound.stop();
        domainChecks.stop();
        await reader.close();
        await simulations.stop();
        await sweeper.stop();
        providerWatch.stop();
        await keyUse.stop();
        await data.close();
      },
    },
  };
}

type OpenData = { ok: true; directory: string; store: Store; close: () => Promise<void> };

/** The store in the data folder, under the folder's lock; who asks the folder's socket meanwhile is answered by `talk`. */
async function openData(
  settings: Settings,
  talk: (socket: Socket) => void,
): Promise<OpenData | { ok: false; message: string }> {
  const directory = resolve(settings.dataDir);
  const locked = await lockData(directory, talk);
  if (!locked.ok) return locked;
  const opened = await openSqliteStore({
    directory,
    domain: settings.domain,
    mailLeaves: leavesMachine(settings.outbound),
    takesMail: settings.inboundPort !== null,
    operatorEmail: settings.operatorEmail,
    failpoint: settings.failpoint,
  });
  if (!opened.ok) {
    await locked.lock.release();
    return opened;
  }
  const { store } = opened;
  return {
    ok: true,
    directory,
    store,
    async close() {
      await store.close();
      await locked.lock.release();
    },
  };
}

/** Makes Message-IDs as the relay does, and knows those that this gateway has made. */
/** The operator's; null: none is set. */
function givenCertificate({ tlsCert, tlsKey }: Settings): CertificateReading | null {
  return tlsCert === null || tlsKey === null ? null : readCertificate({ certificate: tlsCert, key: tlsKey });
}

function messageIds(secrets: Secrets, domain: string): MessageIds & { read: ReadMessageId } {
  const tokens = openTokens(secrets);
  return {
    read(text, tenantNo) {
      const named = tokens.parseMessageId(text.trim());
      return named === null || named.tenant !== tenantNo ? null : encodeTypeId('msg', named.messageId);
    },
    make: (id, tenantNo) => tokens.makeMessageId({ id: decodeTypeId('msg', id)!, tenant: tenantNo }, domain),
  };
}

/** Waits for a promise, but no longer than this. */
function within(promise: Promise<unknown>, waitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, waitMs);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    promise.then(done, done);
  });
}

const NO_LOG = { warn: () => undefined };

/** Runs one command on the data folder that no gateway serves; a sentence when the folder cannot be used. */
export async function withData(settings: Settings, request: ControlRequest): Promise<ControlReply | string> {
  const data = await openData(settings, (socket) => serveControl(socket, () => null));
  if (!data.ok) return data.message;
  const { directory, store } = data;
  const url = settings.publicUrl ?? `http://${settings.host}:${settings.port}`;
  const intake = new Intake(store, fileBlobs(join(directory, 'blobs')));
  const parts = {
    store,
    intake,
    policies: new Policies(store),
    texts: () => ({ docsBase: `${url}/docs/reasons/`, links: linksOf(settings), locale: 'en' }),
    forgetKeys: () => undefined,
    rotateSecret: async (secret: string | null) => {
      const keyring = await openKeyring(directory, settings.secret, store, NO_LOG);
      return 'error' in keyring ? { ok: false as const, message: keyring.error } : keyring.rotate(secret);
    },
  };
  try {
    return await control(parts, request);
  } finally {
    await data.close();
  }
}

/** Whether the default next hop would take mail from here. */
export function probeOutbound(settings: Settings): Promise<Probe> {
  return probeTransport(
    outboundSettings(settings.outbound, kindOfUrl(settings.outbound) ?? 'smtp'),
    transportPartsOf(settings),
  );
}

/** What every transport is made with. */
function transportPartsOf({ dnsServers, providerAllow, domain }: Settings): TransportParts {
  return {
    dns: openDns(dnsServers),
    guard: openAddressGuard(providerAllow),
    opened: openOnly(providerAllow, 'other ports than those of mail'),
    domain,
    tlsResults: new TlsResults(),
  };
}

export type MigrateResult = { ok: true; applied: string[]; schema: number } | { ok: false; message: string };

/** Migrates the data folder under its lock. */
export async function migrateData(settings: Settings): Promise<MigrateResult> {
  const directory = resolve(settings.dataDir);
  const locked = await lockData(directory, (socket) => serveControl(socket, () => null));
  if (!locked.ok) return locked;
  try {
    return migrateFolder(directory);
  } finally {
    await locked.lock.release();
  }
}
