/**
 * The reference of the API as one page, made from the OpenAPI document alone: what a route does not say about itself is not
 * here either. Pure; no scripts.
 */
import { type Html, html, prose } from './html.ts';
import { docsPath, type PageOptions, page, table } from './page.ts';
import { anchorOf, fieldsOf, type Schema, typeOf } from './schema-words.ts';

export type Parameter = { name: string; in: string; required?: boolean; description?: string; schema?: Schema };

export type Operation = {
  tags?: string[];
  summary?: string;
  description?: string;
  parameters?: Parameter[];
  requestBody?: { content?: Record<string, { schema?: Schema }> };
  responses?: Record<string, { description?: string; content?: Record<string, { schema?: Schema }> }>;
};

export type OpenApi = {
  info: { title: string; version: string; description?: string };
  paths: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, Schema> };
};

type Route = { method: string; path: string; operation: Operation };

export function renderReference(document: OpenApi, options: PageOptions): string {
  const routes = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]): Route => ({ method: method.toUpperCase(), path, operation })),
  );
  const tags = [...new Set(routes.map(({ operation }) => operation.tags?.[0] ?? 'Other'))].sort();
  const shapes = Object.entries(document.components?.schemas ?? {});
  const description = `Every route of Postern ${document.info.version}, with what it takes and what it answers.`;
  const main = html`<h1>API reference</h1>
<p class="lead">${description} For programs: <a href="${rootOf(options)}/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
${paragraphs(document.info.description)}
<nav class="index" aria-label="Routes">
${tags.map((tag) => indexOf(tag, routes))}</nav>
${tags.map((tag) => html`<h2 id="${slug(tag)}">${tag}</h2>\n${ofTag(routes, tag).map(routeSection)}`)}
<h2 id="shapes">Shapes</h2>
<p>What several routes take or answer.</p>
${shapes.map(([name, schema]) => shapeSection(name, schema))}`;
  return page('API reference', description, main, options);
}

function rootOf(options: PageOptions): string {
  return docsPath(options).slice(0, -'/docs'.length);
}

function ofTag(routes: readonly Route[], tag: string): Route[] {
  return routes.filter(({ operation }) => (operation.tags?.[0] ?? 'Other') === tag);
}

function indexOf(tag: string, routes: readonly Route[]): Html {
  return html`<section><h3>${tag}</h3>
<ul>
${ofTag(routes, tag).map(
  (route) => html`<li><a href="#${routeId(route)}"><code>${route.method} ${route.path}</code></a></li>\n`,
)}</ul></section>
`;
}

function slug(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
}

function routeId({ method, path }: Route): string {
  return slug(`${method} ${path}`);
}

function paragraphs(text: string | undefined): Html[] {
  return (text ?? '').split('\n\n').flatMap((part) => (part === '' ? [] : [html`<p>${prose(part)}</p>\n`]));
}

function routeSection(route: Route): Html {
  const { method, path, operation } = route;
  return html`<section class="route" id="${routeId(route)}">
<h3><span class="method ${method.toLowerCase()}">${method}</span> <code>${path}</code></h3>
<p><strong>${operation.summary ?? ''}</strong></p>
${paragraphs(operation.description)}
${parameterTable(operation.parameters ?? [])}
${bodySection(operation)}
${answerSection(operation)}
</section>
`;
}

const PLACES: Readonly<Record<string, string>> = { path: 'in the path', query: 'in the query', header: 'a header' };

function parameterTable(parameters: readonly Parameter[]): Html {
  if (parameters.length === 0) return html``;
  const rows = parameters.map((parameter) => [
    html`<code>${parameter.name}</code> <small>${PLACES[parameter.in] ?? parameter.in}${parameter.required === true ? ', required' : ''}</small>`,
    typeOf(parameter.schema),
    prose(parameter.description ?? ''),
  ]);
  return html`<h4>Parameters</h4>
${table('Parameters', ['name', 'type', 'meaning'], rows)}`;
}

function bodySection({ requestBody }: Operation): Html {
  const [kind, media] = Object.entries(requestBody?.content ?? {})[0] ?? [];
  if (kind === undefined || media?.schema === undefined) return html``;
  return html`<h4>Body <small>${kind}</small></h4>
${fieldTable('Body', media.schema)}`;
}

function answerSection({ responses }: Operation): Html {
  return html`<h4>Answers</h4>
${Object.entries(responses ?? {}).map(([status, { content }]) => {
  const [kind, media] = Object.entries(content ?? {})[0] ?? [];
  const name = status === 'default' ? 'otherwise' : status;
  const what = media?.schema === undefined ? html`nothing` : typeOf(media.schema);
  const fields =
    media?.schema === undefined || '$ref' in media.schema ? '' : fieldTable(`Answer ${name}`, media.schema);
  return html`<p><code>${name}</code> ${what}${kind === undefined ? '' : html` <small>${kind}</small>`}</p>
${fields}`;
})}`;
}

function fieldTable(label: string, schema: Schema): Html {
  const fields = fieldsOf(schema);
  if (fields.length === 0) return html`<p>${typeOf(schema)}</p>`;
  const rows = fields.map(({ name, required, type, description }) => [
    html`<code>${name}</code>`,
    html`${type}${required ? '' : html` <small>optional</small>`}`,
    prose(description),
  ]);
  return table(label, ['field', 'type', 'meaning'], rows);
}

function shapeSection(name: string, schema: Schema): Html {
  return html`<section class="route" id="${anchorOf(name)}">
<h3>${name}</h3>
${paragraphs(schema.description)}
${fieldTable(name, schema)}
</section>
`;
}
