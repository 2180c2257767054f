/**
 * The templates of sends: the version is asked of the store, its compiled form kept here.
 *
 * A version never changes, so what is kept is never stale; it is known by the number of its row, and the store answers with a
 * number only within the tenant and mode that asked. Kept are the most recently used, up to a bound of source text.
 */
import type { LintName } from '../core/lints.ts';
import type { MessageKind } from '../core/message.ts';
import type { TemplateRef, TemplateSource, TemplateUse } from '../data/port/templates.ts';
import type { Space, Store } from '../data/store.ts';
import { type Compilation, compileTemplate } from './compile.ts';
import { type LintFinding, lintRendered, lintTemplate } from './lint.ts';
import { type RenderedContent, renderTemplate } from './render.ts';

type Kept = { compilation: Compilation; size: number; lints: Partial<Record<MessageKind, LintName[]>> };

/** Characters of source; its compiled form takes some ten times as many octets. */
const MOST_KEPT = 4_000_000;
const MOST_ASKED = 64;

export type TemplateAsked = { id: string; version: number | null; data: Record<string, unknown> };

export type TemplateOutcome = {
  use: TemplateUse;
  /** Null where it could not be rendered. */
  content: RenderedContent | null;
  kind: MessageKind;
};

export class Templates {
  private readonly store: Pick<Store, 'templateFor' | 'templateSource'>;
  private readonly kept = new Map<number, Kept>();
  private size = 0;

  constructor(store: Pick<Store, 'templateFor' | 'templateSource'>) {
    this.store = store;
  }

  /** Renders what a send asks for. `kind` is the send's own; `overrides`: it brings a part of the content itself. */
  async use(space: Space, asked: TemplateAsked, kind: MessageKind, overrides: boolean): Promise<TemplateOutcome> {
    const { tenantNo, mode } = space;
    const { ref, now } = await this.store.templateFor({ tenantNo, mode, id: asked.id, version: asked.version });
    const kept = ref === null ? null : await this.compiled({ tenantNo, mode }, ref);
    const base = { asked: asked.id.slice(0, MOST_ASKED).toWellFormed(), askedVersion: asked.version, overrides };
    if (ref === null || kept === null) {
      return { use: { ...base, found: null, lints: [], failure: null }, content: null, kind };
    }
    const found = { id: ref.id, slug: ref.slug, version: ref.version };
    const sent: MessageKind = ref.kind === 'marketing' ? 'marketing' : kind;
    const { compilation } = kept;
    if (!compilation.ok) {
      return { use: { ...base, found, lints: [], failure: compilation.faults[0]! }, content: null, kind: sent };
    }
    const { compiled } = compilation;
    kept.lints[sent] ??= namesOf(lintTemplate(compiled, sent));
    const lints = kept.lints[sent];
    const rendering = renderTemplate(compiled, asked.data, now);
    if (!rendering.ok) return { use: { ...base, found, lints, failure: rendering.failure }, content: null, kind: sent };
    const all = [...new Set([...lints, ...namesOf(lintRendered(rendering.content))])];
    return { use: { ...base, found, lints: all, failure: null }, content: rendering.content, kind: sent };
  }

  private async compiled(space: Space, ref: TemplateRef): Promise<Kept | null> {
    const known = this.kept.get(ref.no);
    if (known !== undefined) {
      this.kept.delete(ref.no);
      this.kept.set(ref.no, known);
      return known;
    }
    const source = await this.store.templateSource({ ...space, no: ref.no });
    return source === null ? null : this.keep(ref.no, source);
  }

  private keep(no: number, source: TemplateSource): Kept {
    const size = source.subject.length + (source.html?.length ?? 0) + (source.text?.length ?? 0);
    const kept: Kept = { compilation: compileTemplate(source), size, lints: {} };
    const before = this.kept.get(no);
    this.kept.set(no, kept);
    this.size += size - (before?.size ?? 0);
    for (const [oldest, { size: freed }] of this.kept) {
      if (this.size <= MOST_KEPT || oldest === no) break;
      this.kept.delete(oldest);
      this.size -= freed;
    }
    return kept;
  }
}

function namesOf(findings: readonly LintFinding[]): LintName[] {
  return [...new Set(findings.map(({ lint }) => lint))];
}
