/** What everybody who tells of a return says of it, by key or by hook. */
import Type from 'typebox';
import type { BounceClass } from '../core/reasons.ts';
import { RETURN_KINDS, type ReturnKind } from '../core/returns.ts';
import { oneOf } from '../http/schemas.ts';

export const REPORT_FIELDS = {
  kind: oneOf(RETURN_KINDS),
  message_id: Type.Optional(Type.String({ maxLength: 100, examples: ['msg_01jb2m3n4p5q6r7s8t9v0w1x2y'] })),
  email: Type.Optional(
    Type.String({
      maxLength: 320,
      description: 'The recipient: needed without `message_id`, and where the message has several.',
    }),
  ),
  at: Type.Optional(Type.String({ maxLength: 35, description: 'RFC 3339; when it happened. Absent: now.' })),
};

export type ReportBody = { kind: ReturnKind; message_id?: string; email?: string; at?: string; class?: BounceClass };
