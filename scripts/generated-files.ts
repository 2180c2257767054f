/** Every file that is made from the code. A new one is a row here and a function that renders it. */

import { configMarkdown } from './render/config-markdown.ts';
import { openapiJson } from './render/openapi-json.ts';
import { reasonsJson } from './render/reasons-json.ts';
import { reasonsMarkdown } from './render/reasons-markdown.ts';
import { schemaSql } from './render/schema-sql.ts';

export type GeneratedFile = {
  /** From the root of the repository. */
  path: string;
  /** The whole content; the same for the same code, whenever and wherever it runs. */
  render: () => string | Promise<string>;
};

export const GENERATED_FILES: readonly GeneratedFile[] = [
  { path: 'docs/reference/config.md', render: configMarkdown },
  { path: 'docs/reference/reasons.md', render: reasonsMarkdown },
  { path: 'openapi.json', render: openapiJson },
  { path: 'reasons.json', render: reasonsJson },
  { path: 'src/data/sqlite/schema.sql', render: schemaSql },
];
