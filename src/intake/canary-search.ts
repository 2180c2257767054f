/**
 * The search for canaries on the way to the store. Nobody asks which ones there are: a send says with which version of them it was
 * searched, none for most tenants, and the store answers with the right ones where that is another. So no send slips through a
 * change, and tenants without canaries pay nothing.
 */
import type { Submission } from '../core/message.ts';
import type { KnownCanaries } from '../data/port/canaries.ts';
import type { AdmitRequest } from '../data/store.ts';
import { CanaryMatcher, findCanary, type SearchedParts } from '../policy/content/canaries.ts';

/** Tenants and modes whose markers are remembered. */
const MOST_KNOWN = 1000;
const MOST_TRIES = 5;

type Stale = { outcome: 'canaries'; known: KnownCanaries | null };

export class CanarySearch {
  private readonly known = new Map<string, { version: string; matcher: CanaryMatcher }>();

  /** Sends a request searched with the canaries that the store has; `done` makes of its answer what is wanted. */
  send<Answer extends { outcome: string }, Result>(
    submission: Submission,
    request: AdmitRequest,
    send: (request: AdmitRequest) => Promise<Answer | Stale>,
    done: (answer: Answer) => Result,
  ): Promise<Result> {
    if (this.known.size > 0 && this.known.has(spaceOf(request)))
      return this.sendSearched(submission, request, send, done);
    return send(request).then((answer) => {
      if (!isStale(answer)) return done(answer);
      this.learn(spaceOf(request), answer.known);
      return this.sendSearched(submission, request, send, done);
    });
  }

  private sendSearched<Answer extends { outcome: string }, Result>(
    submission: Submission,
    request: AdmitRequest,
    send: (request: AdmitRequest) => Promise<Answer | Stale>,
    done: (answer: Answer) => Result,
  ): Promise<Result> {
    return this.sendAll([submission], [request], () => send(request)).then(done);
  }

  /** Several at once, all of one tenant and mode; `send` sends them. */
  sendAll<Answer extends { outcome: string }>(
    submissions: readonly Submission[],
    requests: readonly AdmitRequest[],
    send: () => Promise<Answer | Stale>,
  ): Promise<Answer> {
    const space = spaceOf(requests[0]!);
    const plain = requests.map(({ findings }) => findings ?? null);
    const tried = (tries: number): Promise<Answer> => {
      const known = this.known.get(space);
      for (const [i, request] of requests.entries()) {
        if (known !== undefined) search(known, submissions[i]!, request, plain[i]!);
      }
      return send().then((answer) => {
        if (!isStale(answer)) return answer;
        if (tries === MOST_TRIES) throw new Error('the canaries change faster than a send can be searched');
        this.learn(space, answer.known);
        requests.forEach((request, i) => {
          request.canaries = null;
          request.findings = plain[i]!;
        });
        return tried(tries + 1);
      });
    };
    return tried(1);
  }

  private learn(space: string, known: KnownCanaries | null): void {
    if (this.known.size >= MOST_KNOWN) this.known.clear();
    if (known === null) this.known.delete(space);
    else this.known.set(space, { version: known.version, matcher: new CanaryMatcher(known.canaries) });
  }
}

function spaceOf({ principal: { tenantNo, mode } }: AdmitRequest): string {
  return `${tenantNo}.${mode}`;
}

function isStale(answer: { outcome: string }): answer is Stale {
  return answer.outcome === 'canaries';
}

function search(
  { version, matcher }: { version: string; matcher: CanaryMatcher },
  submission: Submission,
  request: AdmitRequest,
  plain: NonNullable<AdmitRequest['findings']> | null,
): void {
  const canary = findCanary(matcher, partsOf(submission));
  request.canaries = version;
  request.findings = canary === null ? plain : { score: 0, findings: [], ...plain, canary };
}

function partsOf(submission: Submission): SearchedParts {
  const { subject, text, html, headers, attachments, from, replyTo } = submission;
  const { to, cc } = submission.shown ?? submission;
  const named = [...(from === null ? [] : [from]), ...to, ...cc, ...replyTo];
  return {
    subject,
    text,
    html,
    headers: [
      ...headers.map(([, value]) => value),
      ...named.flatMap(({ name, email }) => (name === null ? [email] : [name, email])),
    ],
    filenames: attachments.map(({ filename }) => filename),
  };
}
