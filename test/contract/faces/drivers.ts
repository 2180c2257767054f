/** The drivers of all faces; a test holds the list against the faces there are. */
import type { FaceDriver } from './driver.ts';
import { postmark } from './postmark.ts';
import { resend } from './resend.ts';
import { sendgrid } from './sendgrid.ts';

export const DRIVERS: readonly FaceDriver[] = [postmark, resend, sendgrid];
