import type { Mode } from '../../core/message.ts';

/** A tenant in one mode: to whom nearly everything belongs. */
export type Space = { tenantNo: number; mode: Mode };
