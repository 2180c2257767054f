/**
 * The page at `/`: captured mail, recent verdicts and headroom of one tenant in one mode, for somebody who has signed in
 * with a key. Rendered here, no scripts; the content security policy allows none either.
 *
 * Invariants: what comes from outside is shown as text only, and the HTML of a message only from a route of its own whose
 * policy takes every right from it; a change (signing in and out) is taken only from this page's own origin. The key is
 * checked on every request. Deliberately absent: changing anything but the session.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { countedNetwork } from '../../base/network.ts';
import type { CaptureRow } from '../../data/port/captures.ts';
import type { Principal, Store } from '../../data/store.ts';
import type { Authenticator } from '../../http/authenticate.ts';
import type { Caller } from '../../http/caller.ts';
import { type Html, html } from '../docs/html.ts';
import { sendRaw } from '../sink/http.ts';
import type { MailReader } from '../sink/mail-reader.ts';
import { frame, type View, type Visit } from './frame.ts';
import { headroomView } from './headroom-view.ts';
import { mailList, mailPage, PREVIEW_POLICY, type ReadCapture } from './mail-view.ts';
import { riskView } from './risk-view.ts';
import { Sessions, type SignIn, sessionCookie, sessionIdOf } from './sessions.ts';
import { PAGE_STYLESHEET } from './stylesheet.ts';
import { verdictList } from './verdict-view.ts';
import { webhookView } from './webhook-view.ts';
import { EMPTY_FORM, type Form, welcome } from './welcome.ts';

export type PageDoor = {
  store: Store;
  authenticator: Authenticator;
  reader: MailReader;
  /** The public address. */
  publicUrl: () => string;
};

const ON_OVERVIEW = 8;
const ON_LIST = 25;
const MOST_WEBHOOKS = 100;
const MOST_FORM_BYTES = 4096;
const POLICY =
  "default-src 'none'; style-src 'self'; frame-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/** Somebody signed in: who, and what the frame shows of it. */
type Guest = { caller: Caller; principal: Principal; visit: Visit };

type Listed = { Querystring: { cursor?: string } };
type One = { Params: { id: string } };

export function pageRoutes(server: FastifyInstance, door: PageDoor): void {
  // In a scope of its own: only here are forms read.
  server.register(async (scope) => {
    readForms(scope);
    new Page(door).mount(scope);
  });
}

function readForms(scope: FastifyInstance): void {
  scope.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: MOST_FORM_BYTES },
    (_request, body, done) => done(null, new URLSearchParams(body as string)),
  );
}

class Page {
  private readonly door: PageDoor;
  private readonly sessions = new Sessions();

  constructor(door: PageDoor) {
    this.door = door;
  }

  mount(scope: FastifyInstance): void {
    const schema = { hide: true };
    scope.get('/', { schema }, (request, reply) => this.overview(request, reply));
    scope.get<Listed>('/page/mail', { schema }, (request, reply) => this.mail(request, reply, request.query.cursor));
    scope.get<One>('/page/mail/:id', { schema }, (request, reply) =>
      this.withCapture(request, reply, request.params.id, (guest, row) => this.oneMail(reply, guest, row)),
    );
    scope.get<One>('/page/mail/:id/preview', { schema }, (request, reply) =>
      this.withCapture(request, reply, request.params.id, (_, row) => this.preview(reply, row)),
    );
    scope.get<One>('/page/mail/:id/raw', { schema }, (request, reply) =>
      this.withCapture(request, reply, request.params.id, (_, row) => sendRaw(reply, row)),
    );
    scope.get<Listed>('/page/verdicts', { schema }, (request, reply) =>
      this.verdicts(request, reply, request.query.cursor),
    );
    scope.post('/page/login', { schema }, (request, reply) => this.signIn(request, reply));
    scope.post('/page/logout', { schema }, (request, reply) => this.signOut(request, reply));
    scope.get('/page/style.css', { schema }, (_request, reply) =>
      reply
        .header('Cache-Control', 'max-age=300')
        .header('X-Content-Type-Options', 'nosniff')
        .type('text/css; charset=utf-8')
        .send(PAGE_STYLESHEET),
    );
  }

  private async overview(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const guest = await this.guest(request);
    if (guest === null) return send(reply, 200, welcome(this.base(), EMPTY_FORM));
    const { store } = this.door;
    const { visit, principal } = guest;
    const page = { ...spaceOf(principal), limit: ON_OVERVIEW, cursor: null };
    const [risk, quarantine, headroom, mail, verdicts, webhooks] = await Promise.all([
      store.riskOf(spaceOf(principal)),
      store.quarantineOf(spaceOf(principal)),
      store.headroom({ principal, identity: null, recipient: null }),
      store.captures({ ...page, recipient: null }),
      store.recentVerdicts(page),
      store.webhooks({ ...page, limit: MOST_WEBHOOKS }),
    ]);
    const more = (next: string | null, path: string) =>
      next === null ? '' : html`<p class="more"><a href="${visit.base}${path}">Show all</a></p>`;
    return this.show(
      reply,
      guest,
      'overview',
      'Overview',
      html`<h1 class="unseen">Overview</h1>
${riskView(risk, quarantine)}
${webhookView(webhooks.rows)}
<section aria-labelledby="headroom"><h2 id="headroom">Headroom</h2>${headroomView(headroom.limits)}</section>
<div class="columns">
<section aria-labelledby="mail"><h2 id="mail">Captured mail</h2>${await this.mailRows(visit, mail.rows)}${more(mail.next, '/page/mail')}</section>
<section aria-labelledby="verdicts"><h2 id="verdicts">Recent verdicts</h2>${verdictList(visit, verdicts.rows)}${more(verdicts.next, '/page/verdicts')}</section>
</div>`,
    );
  }

  private async mail(request: FastifyRequest, reply: FastifyReply, cursor: string | undefined): Promise<FastifyReply> {
    const guest = await this.guest(request);
    if (guest === null) return this.toStart(reply);
    const page = { ...spaceOf(guest.principal), limit: ON_LIST, cursor: cursor ?? null, recipient: null };
    const { rows, next } = await this.door.store.captures(page);
    const list = await this.mailRows(guest.visit, rows);
    return this.show(
      reply,
      guest,
      'mail',
      'Mail',
      html`<h1>Captured mail</h1>${list}${this.older(next, '/page/mail')}`,
    );
  }

  private async verdicts(
    request: FastifyRequest,
    reply: FastifyReply,
    cursor: string | undefined,
  ): Promise<FastifyReply> {
    const guest = await this.guest(request);
    if (guest === null) return this.toStart(reply);
    const page = { ...spaceOf(guest.principal), limit: ON_LIST, cursor: cursor ?? null };
    const { rows, next } = await this.door.store.recentVerdicts(page);
    const list = verdictList(guest.visit, rows);
    return this.show(
      reply,
      guest,
      'verdicts',
      'Verdicts',
      html`<h1>Recent verdicts</h1>${list}${this.older(next, '/page/verdicts')}`,
    );
  }

  private older(next: string | null, path: string): Html | '' {
    return next === null ? '' : html`<p class="more"><a href="${this.base()}${path}?cursor=${next}">Older</a></p>`;
  }

  private async mailRows(visit: Visit, rows: readonly CaptureRow[]): Promise<Html> {
    const read = await Promise.all(
      rows.map(async (row): Promise<ReadCapture> => ({ row, mail: await this.door.reader.read(row.raw) })),
    );
    return mailList(visit, read, this.door.publicUrl());
  }

  private async withCapture(
    request: FastifyRequest,
    reply: FastifyReply,
    id: string,
    answer: (guest: Guest, row: CaptureRow) => FastifyReply | Promise<FastifyReply>,
  ): Promise<FastifyReply> {
    const guest = await this.guest(request);
    if (guest === null) return this.toStart(reply);
    const row = await this.door.store.captureById({ ...spaceOf(guest.principal), id });
    if (row !== null) return answer(guest, row);
    const main = html`<h1>Not here</h1><p>There is no captured mail under this address. It may have been emptied away, or stand in the other mode.</p>`;
    return send(reply, 404, frame(guest.visit, 'mail', 'Not here', main));
  }

  private async oneMail(reply: FastifyReply, guest: Guest, row: CaptureRow): Promise<FastifyReply> {
    const mail = await this.door.reader.read(row.raw);
    const title = mail.subject?.trim() || 'Mail';
    return this.show(reply, guest, 'mail', title, html`<article>${mailPage(guest.visit, { row, mail })}</article>`);
  }

  private async preview(reply: FastifyReply, row: CaptureRow): Promise<FastifyReply> {
    const mail = await this.door.reader.read(row.raw);
    return reply
      .headers({ ...SAFE, 'Content-Security-Policy': PREVIEW_POLICY, 'Referrer-Policy': 'no-referrer' })
      .type('text/html; charset=utf-8')
      .send(mail.html ?? '');
  }

  private async signIn(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const given = request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
    const form: Form = { trouble: null, tenant: given.get('tenant') ?? '', mode: given.get('mode') ?? 'live' };
    const again = (status: number, trouble: string) => send(reply, status, welcome(this.base(), { ...form, trouble }));
    if (!this.isOwn(request)) return again(403, 'Sign in from this page itself.');
    const signIn: SignIn = {
      key: (given.get('key') ?? '').trim(),
      tenant: form.tenant.trim() || null,
      mode: form.mode,
    };
    const found = await this.callerOf(request, signIn, countedNetwork(request.ip));
    if (typeof found === 'string') return again(401, found);
    this.sessions.end(sessionIdOf(request.headers.cookie));
    const id = this.sessions.start(signIn, Date.now());
    return this.toStart(reply.header('Set-Cookie', sessionCookie(id, this.site())));
  }

  private async signOut(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    if (!this.isOwn(request)) return send(reply, 403, welcome(this.base(), EMPTY_FORM));
    this.sessions.end(sessionIdOf(request.headers.cookie));
    return this.toStart(reply.header('Set-Cookie', sessionCookie(null, this.site())));
  }

  /** Whether a form was sent by a page of this origin (RFC 6454 §7): browsers say so on every POST. */
  private isOwn(request: FastifyRequest): boolean {
    const { origin } = request.headers;
    if (origin === undefined || !URL.canParse(origin)) return false;
    return new URL(origin).host === request.host || origin === new URL(this.door.publicUrl()).origin;
  }

  /** The caller whom a sign-in stands for, or the sentence that says why there is none. */
  private async callerOf(request: FastifyRequest, signIn: SignIn, network: string | null): Promise<Caller | string> {
    const operatorFields = signIn.tenant === null ? {} : { tenant: signIn.tenant, mode: signIn.mode ?? 'live' };
    const result = await this.door.authenticator.authenticate({
      authorization: `Bearer ${signIn.key}`,
      tenant: undefined,
      mode: undefined,
      address: request.ip,
      network,
      ...operatorFields,
    });
    if (!result.ok) {
      if (result.cause === 'key') return 'This key is not known here, or is no longer valid.';
      if (result.cause === 'guesses') return 'Too many wrong keys came from here: wait a minute and try again.';
      return result.cause === 'tenant' ? 'No tenant has this id.' : 'The mode is live or test.';
    }
    const { caller } = result;
    if (!caller.scopes.has('read')) return 'This key has not the scope read.';
    return caller.principal === null ? 'An operator looks at one tenant: give its id, ten_….' : caller;
  }

  private async guest(request: FastifyRequest): Promise<Guest | null> {
    const signIn = this.sessions.find(sessionIdOf(request.headers.cookie), Date.now());
    if (signIn === null) return null;
    const caller = await this.callerOf(request, signIn, null);
    if (typeof caller === 'string') return null;
    const principal = caller.principal!;
    const { tenantNo, tenantId, mode } = principal;
    const { store } = this.door;
    const [tenant, clock] = await Promise.all([
      store.tenantById({ id: tenantId }),
      mode === 'test' ? store.testClock({ tenantNo }) : null,
    ]);
    const visit: Visit = {
      base: this.base(),
      tenant: { id: tenantId, name: tenant?.name ?? tenantId },
      mode,
      keyName: caller.name,
      frozenAt: clock?.frozen === true ? clock.now : null,
    };
    return { caller, principal, visit };
  }

  private show(reply: FastifyReply, guest: Guest, view: View, title: string, main: Html): FastifyReply {
    return send(reply, 200, frame(guest.visit, view, title, main));
  }

  private toStart(reply: FastifyReply): FastifyReply {
    return reply.header('Cache-Control', 'no-store').redirect(`${this.base()}/`, 303);
  }

  private base(): string {
    return new URL(this.door.publicUrl()).pathname.replace(/\/$/, '');
  }

  private site(): { path: string; secure: boolean } {
    return { path: this.base() || '/', secure: this.door.publicUrl().startsWith('https:') };
  }
}

const SAFE = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
};

function send(reply: FastifyReply, status: number, page: string): FastifyReply {
  return reply
    .code(status)
    .headers({ ...SAFE, 'Content-Security-Policy': POLICY, 'Referrer-Policy': 'same-origin' })
    .type('text/html; charset=utf-8')
    .send(page);
}

function spaceOf({ tenantNo, mode }: Principal) {
  return { tenantNo, mode };
}
