/** The part of the port that knows where sealed values stand, so that all of them can be sealed anew at once. */

/** One sealed value. `place` and `key` are opaque: they go back as they came. */
export type SealedRow = {
  place: string;
  key: number | string;
  /** What it was sealed for. */
  context: string;
  sealed: Uint8Array;
};

export type Resealed = Pick<SealedRow, 'place' | 'key'> & { before: Uint8Array; after: Uint8Array };

export interface SealedReads {
  sealedRows(input: null): Promise<SealedRow[]>;
}

export interface SealedWrites {
  /**
   * Puts new values in the place of these and keeps a setting, all in one transaction. False, and nothing is changed, where
   * a value or the setting is not what it was any more.
   */
  reseal(input: {
    rows: Resealed[];
    setting: { name: string; before: string | null; after: string } | null;
  }): Promise<boolean>;
}
