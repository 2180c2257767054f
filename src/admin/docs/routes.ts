/** The documentation, served: pages about reasons, the reference of the API, and the OpenAPI document both come from. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isReasonCode, WARNING_CODES, type WarningCode } from '../../core/reasons.ts';
import type { Problems } from '../../http/problems.ts';
import type { PageOptions } from './page.ts';
import { renderReasonIndex, renderReasonPage } from './reason-page.ts';
import { type OpenApi, renderReference } from './reference-page.ts';
import { DOCS_STYLESHEET } from './stylesheet.ts';

export type DocsRoutes = { problems: Problems; publicUrl: () => string };

/** The pages hold no script, no inline style and nothing from elsewhere; the policy holds them to it. */
const PAGE_HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-cache',
};

export function docsRoutes(server: FastifyInstance, { problems, publicUrl }: DocsRoutes): void {
  const options = (): PageOptions => ({ baseUrl: publicUrl() });
  const page = (reply: FastifyReply, markup: string): FastifyReply =>
    reply.headers(PAGE_HEADERS).type('text/html; charset=utf-8').send(markup);
  let reference: string | null = null;
  server.get('/openapi.json', async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(JSON.stringify(server.swagger())),
  );
  server.get('/docs', async (_request, reply) => {
    reference ??= renderReference(server.swagger() as unknown as OpenApi, options());
    return page(reply, reference);
  });
  server.get('/docs/style.css', async (_request, reply) =>
    reply.headers(PAGE_HEADERS).type('text/css; charset=utf-8').send(DOCS_STYLESHEET),
  );
  server.get('/docs/reasons', async (_request, reply) => page(reply, renderReasonIndex(options())));
  server.get<{ Params: { code: string } }>(
    '/docs/reasons/:code',
    async (request: FastifyRequest<{ Params: { code: string } }>, reply) => {
      const { code } = request.params;
      if (isReasonCode(code) || isWarningCode(code)) return page(reply, renderReasonPage(code, options()));
      return problems.refuse(request, reply, 'not_found', { evidence: { resource: 'page', id: code.slice(0, 100) } });
    },
  );
}

function isWarningCode(code: string): code is WarningCode {
  return (WARNING_CODES as readonly string[]).includes(code);
}
