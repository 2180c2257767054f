/** Answers that no person wrote (RFC 3834 §5, and what came before it). They never count as replies. */
import type { MimePart } from './mime.ts';

/** Fields that only programs set, whatever their value. */
const FIELDS = [
  'x-autoreply',
  'x-autorespond',
  'x-autoresponder',
  'x-auto-reply',
  'x-autoreply-from',
  'x-mail-autoreply',
  'x-vacation',
  'x-ms-exchange-inbox-rules-loop',
  'x-cron-env',
];

/** Subjects begin with one of these, after "Re:" and the like. */
const SUBJECTS = [
  'automatic reply',
  'auto reply',
  'autoreply',
  'auto-reply',
  'auto response',
  'auto-response',
  'autoresponse',
  'automated reply',
  'automated response',
  'out of office',
  'out of the office',
  'out-of-office',
  'away from the office',
  'on vacation',
  'vacation reply',
  'vacation message',
  'automatische antwort',
  'abwesenheit',
  'abwesend',
  'réponse automatique',
  'absence du bureau',
  'respuesta automática',
  'respuesta automatica',
  'fuera de la oficina',
  'risposta automatica',
  'fuori sede',
  'resposta automática',
  'automatisch antwoord',
  'afwezig',
  'autosvar',
  'automaattinen vastaus',
  'odpowiedź automatyczna',
  'automatická odpověď',
  'автоматический ответ',
  'автоответ',
  '自動返信',
  '自動応答',
  '自动回复',
  '自動回覆',
  '자동 회신',
];

/** Whether a program answered in a person's place. A bounce may carry the same fields: look for one first. */
export function isAutoReply({ headers }: MimePart): boolean {
  const submitted = headers.get('auto-submitted').toLowerCase();
  if (submitted !== '' && !submitted.startsWith('no')) return true;
  if (FIELDS.some((name) => headers.has(name))) return true;
  if (/^(?:auto_reply|auto-reply)/.test(headers.get('precedence').toLowerCase())) return true;
  if (/^vacation/i.test(headers.get('x-apple-action'))) return true;
  return hasAutoReplySubject({ headers });
}

/** Whether the subject opens as programs that answer for people let theirs open. */
export function hasAutoReplySubject({ headers }: Pick<MimePart, 'headers'>): boolean {
  const subject = headers
    .text('subject')
    .toLowerCase()
    .replace(/^(?:(?:re|aw|fw|fwd|sv|antw):\s{0,5}){1,5}/, '')
    .trim();
  return SUBJECTS.some((opening) => subject.startsWith(opening));
}
