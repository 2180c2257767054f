/** Templates for tests: written, compiled, filled in. */
import assert from 'node:assert/strict';
import type { TemplateSource } from '../../src/data/port/templates.ts';
import type { RenderFailure } from '../../src/policy/facts-template.ts';
import { type Compiled, compileTemplate } from '../../src/templates/compile.ts';
import { type LintFinding, lintTemplate } from '../../src/templates/lint.ts';
import { type RenderedContent, renderTemplate } from '../../src/templates/render.ts';

/** 2026-04-27T08:12:00Z. */
export const NOW = Date.UTC(2026, 3, 27, 8, 12);

export function sourceOf(changes: Partial<TemplateSource> = {}): TemplateSource {
  return { kind: 'transactional', subject: 'Hello', html: null, text: 'Hello', variables: null, ...changes };
}

export function compiled(changes: Partial<TemplateSource>): Compiled {
  const compilation = compileTemplate(sourceOf(changes));
  if (!compilation.ok) throw new Error(JSON.stringify(compilation.faults));
  return compilation.compiled;
}

export function faultsOf(changes: Partial<TemplateSource>): RenderFailure[] {
  const compilation = compileTemplate(sourceOf(changes));
  return compilation.ok ? [] : compilation.faults;
}

export function filledIn(changes: Partial<TemplateSource>, data: Record<string, unknown> = {}): RenderedContent {
  const rendering = renderTemplate(compiled(changes), data, NOW);
  assert.ok(rendering.ok, JSON.stringify(rendering));
  return rendering.content;
}

export function failureOf(changes: Partial<TemplateSource>, data: Record<string, unknown> = {}): RenderFailure {
  const rendering = renderTemplate(compiled(changes), data, NOW);
  assert.ok(!rendering.ok, JSON.stringify(rendering));
  return rendering.failure;
}

/** `lint part line:column`, or `lint` alone where a finding has no place. */
export function findings(changes: Partial<TemplateSource>): string[] {
  const source = sourceOf(changes);
  return lintTemplate(compiled(changes), source.kind).map(written);
}

function written({ lint, part, line, column }: LintFinding): string {
  return line === null ? lint : `${lint} ${part} ${line}:${column}`;
}
