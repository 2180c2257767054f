/**
 * The SES transport: mail for everybody goes to Amazon SES, as raw messages over its API.
 *
 * What holds: one request per recipient and never a second one (the SDK's own retries are off); the request becomes whole only
 * after the look before the dot; from then on an answer that is missing, cut off or a fault of the server's leaves the recipient
 * uncertain, for long enough that an event of SES' with our tag can say what became of it. What SES takes is `sent`: it tells of
 * the delivery later. The SDK is loaded by the first delivery.
 *
 * Deliberately absent: our return path (SES puts its own, and tells of bounces by events) and Message-ID (SES puts its own).
 */
import type { SESv2Client } from '@aws-sdk/client-sesv2';
import { RECIPIENT_TAG } from '../../core/email-tags.ts';
import { answerOf, notTakenBy, unknownEnd } from '../ses/ses-answers.ts';
import type { SesOptions } from '../ses/ses-url.ts';
import { type Watch, Wire, type WireOptions } from '../ses/wire.ts';
import { assertPath } from '../smtp/content.ts';
import { asciiAddress } from './ascii-address.ts';
import type { Delivery, DeliveryResult, Stage, Transport } from './transport.ts';

export type SesParts = Partial<Pick<WireOptions, 'dial' | 'ca' | 'connectMs' | 'answerMs'>>;

const CONNECT_MS = 30_000;
const ANSWER_MS = 60_000;
const CLOSED = 'the transport is closed';

export function sesTransport(options: SesOptions, parts: SesParts = {}): Transport {
  return new SesTransport(options, parts);
}

type Sdk = { client: SESv2Client; module: typeof import('@aws-sdk/client-sesv2') };
type Attempt = Watch & { fault: { thrown: unknown } | null };

class SesTransport implements Transport {
  readonly #options: SesOptions;
  readonly #wire: Wire;
  readonly #running = new Map<AbortController, Attempt>();
  #sdk: Promise<Sdk> | null = null;
  #isClosed = false;
  #onQuiet: () => void = () => {};

  constructor(options: SesOptions, { dial = null, ca, connectMs = CONNECT_MS, answerMs = ANSWER_MS }: SesParts) {
    this.#options = options;
    this.#wire = new Wire({ maxConnections: options.maxConnections, connectMs, answerMs, dial, ca });
  }

  async deliver(delivery: Delivery): Promise<DeliveryResult> {
    assertPath(delivery.to);
    if (this.#isClosed) return notTakenBy('connect', CLOSED);
    const to = asciiAddress(delivery.to);
    if (to === null) {
      const text = 'SES takes no addresses beyond ASCII';
      return { outcome: 'refused', stage: 'mail', reply: { code: null, enhanced: '5.6.7', text } };
    }
    const abort = new AbortController();
    const attempt = watched(delivery);
    this.#running.set(abort, attempt);
    this.#wire.watch(abort.signal, attempt);
    try {
      const messageId = await this.#send(delivery, to, abort.signal);
      if (!attempt.isOut) return notTakenBy('mail', 'SES answered before it had the message');
      return { outcome: 'taken', reply: { code: 250, enhanced: '2.0.0', text: `Ok ${messageId}` }, isReported: true };
    } catch (error) {
      if (attempt.fault !== null) throw attempt.fault.thrown;
      return endOf(error, attempt);
    } finally {
      this.#running.delete(abort);
      if (this.#running.size === 0) this.#onQuiet();
    }
  }

  async close(graceMs: number): Promise<void> {
    this.#isClosed = true;
    for (const [abort, { isOut }] of this.#running) if (!isOut) abort.abort();
    const timer = setTimeout(() => {
      for (const abort of this.#running.keys()) abort.abort();
    }, graceMs);
    if (this.#running.size > 0) await new Promise<void>((resolve) => (this.#onQuiet = resolve));
    clearTimeout(timer);
    this.#wire.close();
    const sdk = await this.#sdk?.catch(() => null);
    sdk?.client.destroy();
  }

  async #send(delivery: Delivery, to: string, abortSignal: AbortSignal): Promise<string> {
    const { client, module } = await this.#loaded();
    const { configurationSet } = this.#options;
    const command = new module.SendEmailCommand({
      Destination: { ToAddresses: [to] },
      Content: { Raw: { Data: delivery.content } },
      EmailTags: tagsOf(delivery),
      ...(configurationSet === null ? {} : { ConfigurationSetName: configurationSet }),
    });
    const { MessageId = '' } = await client.send(command, { abortSignal });
    return MessageId;
  }

  #loaded(): Promise<Sdk> {
    this.#sdk ??= load(this.#options, this.#wire).catch((fault) => {
      this.#sdk = null;
      throw fault;
    });
    return this.#sdk;
  }
}

async function load({ region, endpoint, keys }: SesOptions, wire: Wire): Promise<Sdk> {
  const module = await import('@aws-sdk/client-sesv2');
  const client = new module.SESv2Client({
    region,
    maxAttempts: 1,
    requestHandler: wire,
    ...(endpoint === null ? {} : { endpoint: endpoint.href }),
    ...(keys === null ? {} : { credentials: keys }),
  });
  return { client, module };
}

function watched(delivery: Delivery): Attempt {
  const attempt: Attempt = {
    isOut: false,
    isStopped: false,
    fault: null,
    async beforeEnd() {
      try {
        return await delivery.beforeDot();
      } catch (thrown) {
        attempt.fault = { thrown };
        return false;
      }
    },
  };
  return attempt;
}

/** The token of the return path `b+<token>@…`, by which events prove whom they are about. */
function tagsOf({ from }: Delivery): { Name: string; Value: string }[] {
  const token = /^b\+([A-Za-z0-9_.-]{1,256})@/.exec(from)?.[1];
  return token === undefined ? [] : [{ Name: RECIPIENT_TAG, Value: token }];
}

type Thrown = { name?: string; message?: string; code?: string; $metadata?: { httpStatusCode?: number } };

/** `error` is what the SDK threw: an answer of SES as it reads it, or what broke on the way. */
function endOf(error: unknown, { isOut, isStopped }: Pick<Watch, 'isOut' | 'isStopped'>): DeliveryResult {
  if (isStopped) return { outcome: 'stopped' };
  const { name = 'Error', message = String(error), code, $metadata } = error as Thrown;
  const status = $metadata?.httpStatusCode;
  if (status !== undefined) {
    const answer = answerOf({ name, message, status });
    return isOut || answer.outcome !== 'uncertain' ? answer : notTakenBy('mail', `SES answered ${status} ${message}`);
  }
  if (isOut) return unknownEnd(`no whole answer of SES: ${message}`);
  if (/credential/i.test(name)) return notTakenBy('auth', message);
  const isTls = code !== undefined && /CERT|TLS|SSL|SIGNED|ISSUER|VERIFY|EPROTO/.test(code);
  return notTakenBy(isTls ? 'tls' : 'connect', message);
}

/** What is not named, or is below zero, has no bound (SendQuota of the SES API v2). */
function quotaWords({
  Max24HourSend = 0,
  MaxSendRate = 0,
}: {
  Max24HourSend?: number;
  MaxSendRate?: number;
}): string[] {
  const day = Max24HourSend > 0 ? [`${Max24HourSend} messages in 24 hours`] : [];
  const second = MaxSendRate > 0 ? [`${MaxSendRate} a second`] : [];
  const named = [...day, ...second];
  return named.length === 0 ? [] : [`at most ${named.join(' and ')}`];
}

/** Whether the account may send, and how much, in words; or why that cannot be said. Sends nothing. */
export async function lookAtAccount(
  options: SesOptions,
  { dial = null, ca, connectMs = CONNECT_MS }: SesParts,
  mostMs: number,
): Promise<{ note: string | null } | { stage: Stage; why: string }> {
  const wire = new Wire({ maxConnections: 1, connectMs, answerMs: mostMs, dial, ca });
  try {
    const { client, module } = await load(options, wire);
    const account = await client.send(new module.GetAccountCommand({}), { abortSignal: AbortSignal.timeout(mostMs) });
    if (account.SendingEnabled === false) return { stage: 'auth', why: 'the account may not send now' };
    const bounds = quotaWords(account.SendQuota ?? {});
    if (!account.ProductionAccessEnabled) bounds.push('in the sandbox only to addresses that are verified there');
    return { note: bounds.length === 0 ? null : bounds.join(', and ') };
  } catch (error) {
    const { name, message } = error as Thrown;
    // The signature was good, and many keys may do nothing but send.
    if (name === 'AccessDeniedException')
      return { note: 'the key is known there, and may not read what the account may' };
    const end = endOf(error, { isOut: false, isStopped: false });
    return { stage: 'stage' in end ? end.stage : 'connect', why: `${name}: ${message}` };
  } finally {
    wire.close();
  }
}
