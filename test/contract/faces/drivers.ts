/** The drivers of all faces; a test holds the list against the faces there are. */
import type { FaceDriver } from './driver.ts';
import { resend } from './resend.ts';

export const DRIVERS: readonly FaceDriver[] = [resend];
