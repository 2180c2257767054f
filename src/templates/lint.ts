/**
 * The check of a template: everything that a policy may warn of or refuse, each with its place. Names and levels are the
 * catalogue's (core/lints.ts); nothing here decides.
 *
 * Every check is one pass over the source or its tags. What a value brings is looked at once more when it is filled in
 * (`lintRendered`): an address that runs code may come from the data.
 */
import type { LintName } from '../core/lints.ts';
import type { MessageKind } from '../core/message.ts';
import { TEMPLATE_PARTS, type TemplatePart } from '../policy/facts-template.ts';
import { type Compiled, type Place, UNSUBSCRIBE_VARIABLE } from './compile.ts';
import { type Attribute, type Tag, tagsOf, textOnly, withoutLiquid } from './html-tags.ts';
import { lineAt, lineStartsOf } from './lines.ts';
import { carriedScheme, isLeading, isPlainHttp, linkFault, mayCarry } from './links.ts';
import type { RenderedContent } from './render.ts';
import { spamPhrases } from './spam-phrases.ts';

export type LintFinding = {
  lint: LintName;
  /** Null: the template as a whole. */
  part: TemplatePart | null;
  /** From 1. */
  line: number | null;
  column: number | null;
  message: string;
};

/** Findings of one lint: more of the same help nobody. */
const MOST_OF_ONE = 20;
/** RFC 5322 §2.1.1: lines should have no more. */
const LONG_SUBJECT = 78;

/** One part with what the checks share. */
type Sheet = { part: TemplatePart; source: string; tags: readonly Tag[]; text: string; lineStarts: number[] };

class Findings {
  readonly list: LintFinding[] = [];
  private readonly counts = new Map<LintName, number>();

  add(lint: LintName, place: Place | null, message: string, part: TemplatePart | null = place?.part ?? null): void {
    const count = (this.counts.get(lint) ?? 0) + 1;
    this.counts.set(lint, count);
    if (count > MOST_OF_ONE) return;
    this.list.push({ lint, part, line: place?.line ?? null, column: place?.column ?? null, message });
  }
}

/** What is found in a template that is used for mail of this kind; in the order of the parts. */
export function lintTemplate(compiled: Compiled, kind: MessageKind): LintFinding[] {
  const found = new Findings();
  const sheets = TEMPLATE_PARTS.flatMap((part) => {
    const source = compiled.source[part];
    return source === null ? [] : [sheetOf(part, source)];
  });
  lintVariables(compiled, found);
  for (const sheet of sheets) {
    lintPhrases(sheet, found);
    if (sheet.part === 'html') lintHtml(sheet, found);
    if (sheet.part === 'text') lintText(sheet, found);
    if (sheet.part === 'subject') lintSubject(sheet.text, sheet, found);
  }
  if (compiled.source.html !== null && compiled.source.text === null) {
    found.add('missing_text', null, 'There is no text part for readers that show no HTML.', 'text');
  }
  if (kind === 'marketing') lintMarketing(compiled, sheets, found);
  return found.list;
}

/** What only the data can have brought into the content. In every send: the tags are read only where there may be something. */
export function lintRendered(content: RenderedContent): LintFinding[] {
  const found = new Findings();
  if (content.subject.length > LONG_SUBJECT) lintSubject(content.subject, sheetOf('subject', content.subject), found);
  if (content.html !== null && mayCarry(content.html)) {
    const sheet = sheetOf('html', content.html);
    for (const tag of sheet.tags) {
      for (const { name, value, at } of tag.attributes) lintCarried(sheet, name, value, at, found);
    }
  }
  return found.list;
}

function sheetOf(part: TemplatePart, source: string): Sheet {
  const tags = part === 'html' ? tagsOf(source) : [];
  const text = part === 'html' ? textOnly(source, tags) : withoutLiquid(source);
  return { part, source, tags, text, lineStarts: lineStartsOf(source) };
}

function placeIn({ part, lineStarts }: Sheet, at: number): Place {
  const line = lineAt(lineStarts, at);
  return { part, line: line + 1, column: at - lineStarts[line]! + 1 };
}

function lintVariables({ source, uses }: Compiled, found: Findings): void {
  if (source.variables === null) return;
  const declared = new Set(source.variables.map(({ name }) => name));
  for (const [name, places] of uses) {
    if (declared.has(name) || name === UNSUBSCRIBE_VARIABLE) continue;
    for (const place of places) found.add('undeclared_variable', place, `The variable ${name} is not declared.`);
  }
  for (const name of declared) {
    if (!uses.has(name)) found.add('unused_variable', null, `The variable ${name} is declared and used nowhere.`);
  }
}

function lintPhrases(sheet: Sheet, found: Findings): void {
  for (const { phrase, at } of spamPhrases(sheet.text, MOST_OF_ONE)) {
    found.add('spam_phrase', placeIn(sheet, at), `Filters know “${phrase}” from spam.`);
  }
}

const ACTIVE: ReadonlySet<string> = new Set(
  'script iframe frame object embed applet form input button select textarea base link'.split(' '),
);
const RAW_OUTPUT = /\|\s{0,8}raw\s{0,8}-?\}\}/g;

function lintHtml(sheet: Sheet, found: Findings): void {
  for (const tag of sheet.tags) {
    if (ACTIVE.has(tag.name)) {
      found.add('active_content', placeIn(sheet, tag.at), `Mail programs remove <${tag.name}>.`);
    }
    if (tag.name === 'img' && !tag.attributes.some(({ name }) => name === 'alt')) {
      found.add('missing_alt', placeIn(sheet, tag.at), 'An image has no alt text.');
    }
    for (const attribute of tag.attributes) lintAttribute(sheet, tag, attribute, found);
  }
  for (const match of sheet.source.matchAll(RAW_OUTPUT)) {
    found.add('unescaped_value', placeIn(sheet, match.index), 'A value is put in without escaping.');
  }
}

function lintAttribute(sheet: Sheet, tag: Tag, { name, value, isQuoted, at }: Attribute, found: Findings): void {
  if (!isQuoted && value.includes('{{')) {
    found.add(
      'unescaped_value',
      placeIn(sheet, at),
      'A value stands in an attribute without quotes, and a blank in it ends it.',
    );
  }
  if (/^on[a-z]/.test(name)) {
    found.add('active_content', placeIn(sheet, at), `Mail programs remove the attribute ${name}.`);
  }
  if (lintCarried(sheet, name, value, at, found) || !isLeading(name)) return;
  if (isPlainHttp(value)) {
    found.add(
      'insecure_url',
      placeIn(sheet, at),
      'The address begins with http:, so anybody on the way can change what it shows.',
    );
  }
  const fault = tag.name === 'a' && name === 'href' ? linkFault(value) : null;
  if (fault !== null) found.add('broken_link', placeIn(sheet, at), `The link leads nowhere: ${fault}.`);
}

function lintCarried(sheet: Sheet, name: string, value: string, at: number, found: Findings): boolean {
  const scheme = isLeading(name) ? carriedScheme(value) : null;
  if (scheme === null) return false;
  found.add(
    'insecure_url',
    placeIn(sheet, at),
    `The address begins with ${scheme}, which runs or carries content by itself.`,
  );
  return true;
}

const PLAIN_HTTP = /\bhttp:\/\/(?!localhost|127\.0\.0\.1|\[::1\])/gi;

function lintText(sheet: Sheet, found: Findings): void {
  for (const match of sheet.source.matchAll(PLAIN_HTTP)) {
    found.add(
      'insecure_url',
      placeIn(sheet, match.index),
      'The address begins with http:, so anybody on the way can change what it shows.',
    );
  }
}

function lintSubject(text: string, sheet: Sheet, found: Findings): void {
  const length = text.replace(/\s+/g, ' ').trim().length;
  if (length > LONG_SUBJECT) {
    found.add(
      'long_subject',
      placeIn(sheet, 0),
      `The subject has ${length} characters; many programs cut it off after ${LONG_SUBJECT}.`,
    );
  }
}

/** Words by which people find the way out, in the languages that newsletters are mostly written in. */
const WAY_OUT =
  /unsubscri|opt[- ]?out|abmelde|abbestell|austragen|désabonn|désinscri|darse de baja|cancelar (?:la )?suscripci|disiscri|annulla iscrizione|uitschrijv|afmelden|cancelar inscri|wypisz|avregistrer|afmeld|peru tilaus/i;
const A_LINK = /https?:\/\/|mailto:/i;

function lintMarketing({ uses }: Compiled, sheets: readonly Sheet[], found: Findings): void {
  const bodies = sheets.filter(({ part }) => part !== 'subject');
  const whole = bodies.map(({ source }) => source).join('\n');
  const hasVariable = [...uses.keys()].some((name) => WAY_OUT.test(name));
  const hasLink = A_LINK.test(whole) || /href/i.test(whole);
  if (!hasVariable && !(hasLink && WAY_OUT.test(whole))) {
    found.add('missing_unsubscribe', null, 'Marketing mail needs a way out: put {{ unsubscribe_url }} behind a link.');
  }
  const namesAddress = [...uses.keys()].some((name) => /address|anschrift|adresse|indirizzo|direccion/i.test(name));
  if (!namesAddress && !bodies.some(hasAddress)) {
    found.add(
      'missing_address',
      null,
      'Marketing mail names the postal address of its sender, for example in <address>.',
    );
  }
}

const STREET =
  /(?:street|avenue|road|lane|drive|boulevard|square|court|place|suite|floor|p\.?\s?o\.?\s?box|postfach|stra(?:ß|ss)e|str\.|weg|platz|allee|gasse|rue|chemin|via|viale|piazza|calle|plaza|avenida|rua|straat|laan|plein|ulica|ul\.|gade|vej|gata|vägen|\bst\b|\bave\b|\brd\b|\bblvd\b|\bdr\b|\bln\b)/iu;

/** A line (or its neighbour) that names a street and a number, a number and a postal code, or an element for addresses. */
function hasAddress({ tags, text }: Sheet): boolean {
  if (tags.some(({ name }) => name === 'address')) return true;
  const lines = text.split(/\n|\s{3,}/, 20_000);
  return lines.some((line, i) => {
    const near = `${line} ${lines[i + 1] ?? ''}`.slice(0, 400);
    const numbers = near.match(/\d{1,6}/g)?.length ?? 0;
    return numbers > 0 && (STREET.test(near) || (numbers > 1 && /\p{L}{3,},/u.test(near) && /\d{4,6}/.test(near)));
  });
}
