/** The facts about the template that a message was made from: which version it is, what its check found, how rendering ended. */
import { type LintLevel, type LintName, lintBits, lintsOfBits } from '../core/lints.ts';
import type { PackReader, PackWriter } from '../core/pack.ts';

export const TEMPLATE_STATES = ['draft', 'submitted', 'approved', 'rejected'] as const;
export type TemplateState = (typeof TEMPLATE_STATES)[number];

export const TEMPLATE_PARTS = ['subject', 'html', 'text'] as const;
export type TemplatePart = (typeof TEMPLATE_PARTS)[number];

export const RENDER_PROBLEMS = ['missing_variable', 'wrong_type', 'syntax', 'too_large', 'bad_subject'] as const;
export type RenderProblem = (typeof RENDER_PROBLEMS)[number];

/** Why a template could not be rendered. Texts are bounded: they are stored with the verdict. */
export type RenderFailure = {
  problem: RenderProblem;
  /** Null: the data as a whole. */
  part: TemplatePart | null;
  /** The variable concerned, or null. */
  variable: string | null;
  /** From 1; null where no place can be named. */
  line: number | null;
  column: number | null;
  message: string;
};

export type TemplateFacts = {
  /** The id or slug that was asked for, its first 64 characters; empty where it was found. */
  asked: string;
  askedVersion: number | null;
  /** Null where there is none such. */
  found: { id: string; slug: string; version: number; state: TemplateState } | null;
  /** The caller gave a subject or a body of its own in place of the template's. */
  overrides: boolean;
  /** The door takes phrases of spam for an error, whatever the policy says. */
  refusesSpamPhrases?: true;
  lints: readonly LintName[];
  failure: RenderFailure | null;
};

export function packTemplate(w: PackWriter, facts: TemplateFacts | null): void {
  w.byte(facts === null ? 0 : 1);
  if (facts === null) return;
  w.text(facts.asked);
  w.optional(facts.askedVersion);
  const { found, failure } = facts;
  w.byte(found === null ? 0 : 1 + TEMPLATE_STATES.indexOf(found.state));
  if (found !== null) {
    w.text(found.id);
    w.text(found.slug);
    w.uint(found.version);
  }
  w.byte((facts.overrides ? 1 : 0) | (facts.refusesSpamPhrases ? 2 : 0));
  w.uint(lintBits(facts.lints));
  w.byte(failure === null ? 0 : 1 + RENDER_PROBLEMS.indexOf(failure.problem));
  if (failure === null) return;
  w.byte(failure.part === null ? 0 : 1 + TEMPLATE_PARTS.indexOf(failure.part));
  w.text(failure.variable ?? '');
  w.optional(failure.line);
  w.optional(failure.column);
  w.text(failure.message);
}

export function unpackTemplate(r: PackReader): TemplateFacts | null {
  if (r.byte() === 0) return null;
  const asked = r.text();
  const askedVersion = r.optional();
  const state = r.byte();
  const found =
    state === 0 ? null : { id: r.text(), slug: r.text(), version: r.uint(), state: TEMPLATE_STATES[state - 1]! };
  const flags = r.byte();
  const lints = lintsOfBits(r.uint());
  const strict = (flags & 2) === 0 ? {} : { refusesSpamPhrases: true as const };
  return { asked, askedVersion, found, overrides: (flags & 1) === 1, ...strict, lints, failure: unpackFailure(r) };
}

function unpackFailure(r: PackReader): RenderFailure | null {
  const problem = r.byte();
  if (problem === 0) return null;
  const part = r.byte();
  return {
    problem: RENDER_PROBLEMS[problem - 1]!,
    part: part === 0 ? null : TEMPLATE_PARTS[part - 1]!,
    variable: r.text() || null,
    line: r.optional(),
    column: r.optional(),
    message: r.text(),
  };
}

/** How much each finding matters for this send. */
export function lintLevels(
  facts: TemplateFacts,
  ofPolicy: Readonly<Record<string, LintLevel>>,
): Readonly<Record<string, LintLevel>> {
  return facts.refusesSpamPhrases ? { ...ofPolicy, spam_phrase: 'error' } : ofPolicy;
}

/** What the rules about templates name in their evidence, and the scope they apply to. */
export function templateEvidence(found: NonNullable<TemplateFacts['found']>): { template: string; version: number } {
  return { template: found.slug, version: found.version };
}

export function templateScope(found: NonNullable<TemplateFacts['found']>): { kind: string; id: string } {
  return { kind: 'template', id: found.id };
}
