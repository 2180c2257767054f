/**
 * The lints of templates: what may be wrong with one beside its syntax, and how much it matters unless a policy says otherwise.
 * The order is stored in packed facts, so new ones are only added at the end.
 */

export const LINT_LEVELS = ['off', 'warn', 'error'] as const;
/** What a finding does: nothing, a warning, or a refusal. From lenient to strict. */
export type LintLevel = (typeof LINT_LEVELS)[number];

type Lint = { level: LintLevel; about: string };

export const LINTS = {
  undeclared_variable: { level: 'error', about: 'A variable is used that `variables` does not declare.' },
  unused_variable: { level: 'warn', about: 'A declared variable is used nowhere.' },
  insecure_url: {
    level: 'error',
    about: 'A link or an image is reached by `http:`, or a link runs or carries code (`javascript:`, `data:`).',
  },
  broken_link: { level: 'warn', about: 'A link leads nowhere: it is empty, has no host, or holds a blank.' },
  missing_unsubscribe: { level: 'error', about: 'Marketing mail without a way to unsubscribe.' },
  missing_address: { level: 'error', about: 'Marketing mail without a postal address of its sender.' },
  spam_phrase: { level: 'warn', about: 'A phrase that filters know from spam.' },
  missing_text: { level: 'warn', about: 'There is HTML and no text part.' },
  long_subject: { level: 'warn', about: 'A subject of more than 78 characters.' },
  unescaped_value: {
    level: 'warn',
    about: 'A value is put into the HTML as it is, by the filter `raw` or in an attribute without quotes.',
  },
  active_content: { level: 'warn', about: 'Scripts, frames, forms or event attributes, which mail programs remove.' },
  missing_alt: { level: 'warn', about: 'An image without an `alt` text.' },
} as const satisfies Record<string, Lint>;

export type LintName = keyof typeof LINTS;

export const LINT_NAMES = Object.keys(LINTS) as readonly LintName[];

export function isLintName(text: string): text is LintName {
  return Object.hasOwn(LINTS, text);
}

/** How much a finding of this lint matters under a policy's `templates.lint`. */
export function lintLevel(lint: LintName, levels: Readonly<Record<string, LintLevel>>): LintLevel {
  return Object.hasOwn(levels, lint) ? levels[lint]! : LINTS[lint].level;
}

/** Names as the bits of a number, in the order of the table. */
export function lintBits(names: Iterable<LintName>): number {
  let bits = 0;
  for (const name of names) bits |= 1 << LINT_NAMES.indexOf(name);
  return bits;
}

export function lintsOfBits(bits: number): LintName[] {
  return LINT_NAMES.filter((_, i) => (bits & (1 << i)) !== 0);
}
