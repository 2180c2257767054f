/**
 * Unsubscribing without a login: the link in a mail shows a page with one button, and mail programs that know one-click
 * unsubscribing (RFC 8058) post to the same address by themselves.
 *
 * Looking changes nothing, since programs follow links that nobody clicked. Whoever holds the link is its recipient: the
 * token in it is signed, and one that is not ours changes nothing. The pages hold no address, since mail is passed on.
 */
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { encodeTypeId } from '../base/ids.ts';
import type { Tokens } from '../base/tokens.ts';
import type { Store } from '../data/store.ts';

export type UnsubscribeRoutes = { store: Pick<Store, 'unsubscribe'>; tokens: Tokens };

/** What mail programs post is a few octets in a form. */
const MOST_BODY = 10_000;
const FORMS = /^(?:application\/x-www-form-urlencoded|multipart\/form-data|text\/plain)(?:\s*;.*)?$/i;

const STYLE = `body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1.5rem;color:#1c1e21;background:#fff}
button{font:inherit;padding:.6rem 1.4rem;border:0;border-radius:.4rem;color:#fff;background:#174ea6;cursor:pointer}
button:focus-visible{outline:3px solid #8ab4f8;outline-offset:2px}`;

const HEADERS = {
  'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`,
  'X-Content-Type-Options': 'nosniff',
  'X-Robots-Tag': 'noindex',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
};

const ASK = `<h1>Unsubscribe?</h1>
<p>You will get no more mail from this sender at the address that this link was sent to.</p>
<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click"><button>Unsubscribe</button></form>`;
const DONE = `<h1>You are unsubscribed</h1>
<p>This sender will not write to your address again.</p>`;
const UNKNOWN = `<h1>This link is not valid</h1>
<p>It may have been cut off on the way, or the message it came with is too old. Open it once more from the message itself.</p>`;

type One = { Params: { token: string } };

export function unsubscribeRoutes(server: FastifyInstance, { store, tokens }: UnsubscribeRoutes): void {
  // In a scope of its own: only here does the body not matter.
  server.register(async (scope) => {
    scope.addContentTypeParser(FORMS, { parseAs: 'buffer', bodyLimit: MOST_BODY }, (_request, _body, done) =>
      done(null, null),
    );
    const schema = { hide: true };
    scope.route<One>({
      method: ['GET', 'HEAD'],
      url: '/u/:token',
      schema,
      handler: async (request, reply) =>
        tokens.parseUnsubscribe(request.params.token) === null ? page(reply, 404, UNKNOWN) : page(reply, 200, ASK),
    });
    scope.post<One>('/u/:token', { schema, bodyLimit: MOST_BODY }, async (request, reply) => {
      const named = tokens.parseUnsubscribe(request.params.token);
      if (named === null) return page(reply, 404, UNKNOWN);
      const recipientId = encodeTypeId('rcp', named.recipientId);
      const { outcome } = await store.unsubscribe({ tenantNo: named.tenant, recipientId });
      return outcome === 'not_found' ? page(reply, 404, UNKNOWN) : page(reply, 200, DONE);
    });
  });
}

function page(reply: FastifyReply, status: number, main: string): FastifyReply {
  return reply
    .code(status)
    .headers(HEADERS)
    .type('text/html; charset=utf-8')
    .send(
      `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Unsubscribe</title><style>${STYLE}</style></head><body><main>\n${main}\n</main></body></html>\n`,
    );
}
