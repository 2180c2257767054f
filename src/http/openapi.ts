/**
 * The OpenAPI 3.1 document, made from the routes' own schemas. A route without a tag is not in it.
 *
 * Schemas whose title is one word become components, named once and referred to wherever they stand. The document holds
 * neither host nor port, so that it is the same wherever it is made.
 */
import { readFileSync } from 'node:fs';
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import type { FastifySchema } from 'fastify';
import type { KeyScope } from '../data/store.ts';
import { problem } from './schemas.ts';

const PACKAGE = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };

const DESCRIPTION = `Every send gets a verdict, every verdict explains itself, and nothing accepted is lost.

A key goes into \`Authorization: Bearer …\`. Times are RFC 3339 in UTC with milliseconds. Lists take \`limit\` and \`cursor\` and answer with \`data\` and \`next_cursor\`. Errors are \`application/problem+json\` (RFC 9457), and each reason in them has a page. Answers may have more fields than are named here.`;

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

export const OPENAPI: FastifyDynamicSwaggerOptions = {
  openapi: {
    openapi: '3.1.0',
    info: { title: 'Postern', version: PACKAGE.version, description: DESCRIPTION, license: { name: 'MIT' } },
    servers: [{ url: '/' }],
    components: {
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'An API key, for example `pst_live_…` or `pst_test_…`.' },
      },
    },
  },
  hideUntagged: true,
  convertConstToEnum: false,
  transform({ schema, url, route }) {
    const method = Array.isArray(route.method) ? route.method[0]! : route.method;
    const scopes = route.config?.scopes;
    return { url, schema: described(schema, method, url, scopes) };
  },
  transformObject(document) {
    return 'openapiObject' in document
      ? (tidy(document.openapiObject as unknown as Json) as unknown as typeof document.openapiObject)
      : document.swaggerObject;
  },
};

function described(schema: FastifySchema, method: string, url: string, scopes?: readonly KeyScope[]): FastifySchema {
  const needs =
    scopes === undefined
      ? 'Needs no key.'
      : `Needs a key with the scope ${scopes.map((scope) => `\`${scope}\``).join(' or ')}.`;
  const response = { ...(schema?.response as Record<string, unknown> | undefined) };
  response['default'] = {
    description: 'A problem: its `code` says which, `fix` what to do.',
    content: { 'application/problem+json': { schema: problem } },
  };
  return {
    ...schema,
    description: schema?.description === undefined ? needs : `${schema.description}\n\n${needs}`,
    operationId: schema?.operationId ?? operationId(method, url),
    security: scopes === undefined ? [] : [{ key: [] }],
    response,
  };
}

/** `POST /v1/messages/:id/cancel` → `postMessagesByIdCancel`. */
function operationId(method: string, url: string): string {
  const words = url
    .split('/')
    .filter((segment) => segment !== '' && segment !== 'v1')
    .map((segment) => (segment.startsWith(':') ? `by-${segment.slice(1)}` : segment).split(/[^A-Za-z0-9]+/));
  return method.toLowerCase() + words.flat().map(capital).join('');
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

const COMPONENT = /^[A-Z][A-Za-z]+$/;

/** Schemas with a title of one word become components; keys of paths and components are sorted. */
function tidy(document: Json): Json {
  const components: Record<string, Json> = {};
  const root = asObject(document);
  const paths = sorted(hoist(root['paths'] ?? {}, components));
  const own = asObject(root['components'] ?? {});
  return { ...root, components: { ...own, schemas: sorted(components) }, paths };
}

function asObject(value: Json): Record<string, Json> {
  return value as Record<string, Json>;
}

function sorted(value: Json): Json {
  return Object.fromEntries(Object.entries(asObject(value)).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function hoist(value: Json, components: Record<string, Json>): Json {
  if (Array.isArray(value)) return value.map((element) => hoist(element, components));
  if (typeof value !== 'object' || value === null) return value;
  const made: Record<string, Json> = {};
  for (const [name, member] of Object.entries(value)) made[name] = hoist(member, components);
  const { title } = made;
  if (typeof title !== 'string' || !COMPONENT.test(title) || !isSchema(made)) return made;
  const known = components[title];
  if (known === undefined) components[title] = made;
  else if (JSON.stringify(known) !== JSON.stringify(made)) {
    throw new Error(`two schemas that differ have the title ${title}`);
  }
  return { $ref: `#/components/schemas/${title}` };
}

function isSchema(value: Record<string, Json>): boolean {
  return typeof value['type'] === 'string' || Array.isArray(value['anyOf']);
}
