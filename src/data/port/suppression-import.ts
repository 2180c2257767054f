/** The part of the port that takes in suppressions by the file. */
import type { AddedSuppression } from './contacts.ts';
import type { Actor } from './management.ts';
import type { Space } from './space.ts';

/** `since`: when it began elsewhere, in milliseconds; null: now. */
export type ImportedSuppression = AddedSuppression & { since: number | null };

export type ImportCounts = {
  created: number;
  /** There already, and now ending later. */
  extended: number;
  unchanged: number;
};

export interface SuppressionImportWrites {
  /**
   * A part of a file, a hundred lines or so. Adds and puts ends off, and never ends anything earlier. `audit`: what the part before
   * answered, so that the whole file has one row in the audit log; null for the first. A dry run changes nothing.
   */
  importSuppressions(
    input: Space & {
      id: string;
      form: string;
      suppressions: ImportedSuppression[];
      isDryRun: boolean;
      audit: number | null;
      actor: Actor;
    },
  ): Promise<ImportCounts & { audit: number | null }>;
}
