/**
 * The part of the port that keeps templates: sources in numbered versions. A version never changes; what is written anew is
 * the next one, and only its state moves: draft, submitted, then approved or rejected by a person.
 */

import type { MessageKind } from '../../core/message.ts';
import type { TemplateFacts, TemplateState } from '../../policy/facts-template.ts';
import type { Actor, Refused } from './management.ts';
import type { Page, Paging } from './page.ts';
import type { Space } from './space.ts';

export const VARIABLE_TYPES = ['any', 'string', 'number', 'boolean', 'array', 'object'] as const;
export type VariableType = (typeof VARIABLE_TYPES)[number];

export type TemplateVariable = {
  name: string;
  type: VariableType;
  /** True: must stand in the data. False: is empty where it does not. Null: the template itself says, by how it uses it. */
  required: boolean | null;
  /** Put in where the data leave it out; absent: none. */
  default?: unknown;
  description: string | null;
};

/** What is written by people, in Liquid. */
export type TemplateSource = {
  kind: MessageKind;
  subject: string;
  html: string | null;
  text: string | null;
  /** Null: not declared, any may be used. */
  variables: TemplateVariable[] | null;
};

export type TemplateVersion = TemplateSource & {
  /** Row number of the version: its content never changes. */
  no: number;
  version: number;
  state: TemplateState;
  author: string;
  createdAt: number;
  submittedAt: number | null;
  decidedAt: number | null;
  decidedBy: string | null;
  note: string | null;
};

/** A template with one of its versions: the newest unless another was asked for. */
export type TemplateRow = {
  no: number;
  id: string;
  slug: string;
  newestVersion: number;
  approvedVersion: number | null;
  createdAt: number;
  updatedAt: number;
  version: TemplateVersion;
};

/** The version that a send is made from. */
export type TemplateRef = {
  no: number;
  id: string;
  slug: string;
  kind: MessageKind;
  version: number;
  state: TemplateState;
};

/** What intake knows of the template that it rendered, for the decision. */
export type TemplateUse = Omit<TemplateFacts, 'found'> & {
  found: { id: string; slug: string; version: number } | null;
};

export type TemplateAnswer =
  | { outcome: 'done'; template: TemplateRow }
  | { outcome: 'missing' }
  /** Another template has the slug. */
  | { outcome: 'taken' }
  /** The version is in a state from which this cannot be done. */
  | { outcome: 'conflict'; version: number; state: TemplateState }
  | Refused;

export interface TemplatesWrites {
  createTemplate(
    input: Space & { id: string; slug: string; source: TemplateSource; actor: Actor },
  ): Promise<TemplateAnswer>;
  /** A new version: what the change leaves out is taken from the newest one. `slug` renames without a new version. */
  changeTemplate(
    input: Space & { id: string; slug?: string; change: Partial<TemplateSource>; actor: Actor },
  ): Promise<TemplateAnswer>;
  deleteTemplate(input: Space & { id: string; actor: Actor }): Promise<TemplateAnswer>;
  /** Asks for approval; `version` null: of the newest. */
  submitTemplate(
    input: Space & { id: string; version: number | null; note: string | null; actor: Actor },
  ): Promise<TemplateAnswer>;
  /** A person's decision; `version` null: on the newest that was submitted. */
  decideTemplate(
    input: Space & {
      id: string;
      version: number | null;
      decision: 'approved' | 'rejected';
      note: string | null;
      actor: Actor;
    },
  ): Promise<TemplateAnswer>;
  /**
   * The version a send is made from, by id or slug: the one named, else the newest, else, where the policy asks for approval,
   * the newest approved one. `now` is the time of the space.
   */
  templateFor(input: Space & { id: string; version: number | null }): Promise<{ now: number; ref: TemplateRef | null }>;
}

export interface TemplatesReads {
  /** Newest first, each with its newest version. */
  templates(input: Space & Paging): Promise<Page<TemplateRow>>;
  /** By id or slug. */
  template(input: Space & { id: string; version: number | null }): Promise<TemplateRow | null>;
  /** Newest first; null: no such template. */
  templateVersions(input: Space & Paging & { id: string }): Promise<Page<TemplateVersion> | null>;
  /** Null where the number is none of this space. */
  templateSource(input: Space & { no: number }): Promise<TemplateSource | null>;
}
