/** A page of a list, and how it is asked for. */

export type Page<Row> = { rows: Row[]; next: string | null };

export type Paging = { limit: number; cursor: string | null };
