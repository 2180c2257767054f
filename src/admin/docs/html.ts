/**
 * HTML by template: whatever is put in is escaped, unless it is HTML made here. Text cannot become markup by oversight,
 * since only `html` and `prose` make the type that passes unescaped.
 */

/** Markup that is safe to put into a page as it is. */
export class Html {
  readonly markup: string;
  constructor(markup: string) {
    this.markup = markup;
  }
}

type Part = string | number | Html | readonly Part[];

/** Markup with values put in: strings and numbers escaped, lists joined. */
export function html(strings: TemplateStringsArray, ...parts: Part[]): Html {
  return new Html(strings.reduce((markup, string, index) => markup + markupOf(parts[index - 1] ?? '') + string));
}

/** Text in which stretches between backticks are code. */
export function prose(text: string): Html {
  const stretches = text.split('`');
  return html`${stretches.map((stretch, index) => (index % 2 === 1 ? html`<code>${stretch}</code>` : stretch))}`;
}

function markupOf(part: Part): string {
  if (part instanceof Html) return part.markup;
  if (typeof part === 'string' || typeof part === 'number') return escapeHtml(String(part));
  return part.map(markupOf).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text for an element or a quoted attribute (HTML Living Standard §13.3). */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}
