/** The reference of settings, from the table that reads them. */
import { VARIABLES, type Variable } from '../../src/config/settings.ts';

const HEAD = `<!-- Generated from src/config/settings.ts by \`npm run generate\`. Do not edit. -->

# Settings

Postern is set up by environment variables alone. A variable that is not set, or empty, has its default; a value that cannot be
read, and a name that begins with \`POSTERN_\` and is not listed, stops the start with one sentence that names it. (\`POSTERN_KEY\`,
\`POSTERN_URL\`, \`POSTERN_AGENT\` and \`POSTERN_WEBHOOK_SECRET\` are left to clients, \`POSTERN_TESTING\` to tests.)

| variable | default | meaning |
| --- | --- | --- |
`;

export function configMarkdown(): string {
  return `${HEAD}${VARIABLES.map(row).join('\n')}\n`;
}

function row(variable: Variable): string {
  const written = variable.default === null ? '–' : `\`${variable.default}\``;
  return `| \`${variable.name}\` | ${written} | ${variable.meaning.replaceAll('|', '\\|').replaceAll('<', '&lt;')} |`;
}
