/** The drivers of all faces; a test holds the list against the faces there are. */
import type { FaceDriver } from './driver.ts';
import { inboxbase } from './inboxbase.ts';
import { molted } from './molted.ts';
import { postmark } from './postmark.ts';
import { resend } from './resend.ts';
import { sendgrid } from './sendgrid.ts';
import { sendmux } from './sendmux.ts';
import { servicem8 } from './servicem8.ts';

export const DRIVERS: readonly FaceDriver[] = [servicem8, inboxbase, molted, sendmux, postmark, resend, sendgrid];
