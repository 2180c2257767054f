/** A notice as mail for people: plain text, wrapped lines, what it is about and for which account. Pure. */
import type { DueNotice } from '../data/port/notices.ts';
import type { OutgoingMessage } from './compose.ts';

/** RFC 5322 §2.1.1 asks for 78 at most. */
const LINE_LENGTH = 76;

export type NoticeSender = { domain: string };

/** The local part that notices come from and their answers go to. */
export const NOTICE_SENDER = 'postern';

export function noticeMail(notice: DueNotice, { domain }: NoticeSender): OutgoingMessage {
  const { texts, tenantName, mode } = notice;
  const first = texts[0]?.subject ?? 'Notice';
  const more = texts.length > 1 ? ` and ${texts.length - 1} more` : '';
  const account = mode === 'test' ? `${tenantName}, test mode` : tenantName;
  return {
    from: { email: `${NOTICE_SENDER}@${domain}`, name: 'Postern' },
    to: [{ email: notice.email, name: null }],
    cc: [],
    replyTo: [],
    subject: cut(`[${account}] ${first}${more}`),
    text: noticeText(notice, domain),
    html: null,
    attachments: [],
    // RFC 3834 §5: so that no holiday reply comes back.
    headers: [
      ['Auto-Submitted', 'auto-generated'],
      ['Precedence', 'bulk'],
    ],
    messageId: `<${notice.id}.${notice.copy}@${domain}>`,
    date: notice.createdAt,
    inReplyTo: null,
    references: [],
  };
}

function noticeText({ texts, tenantName, tenantId, mode, createdAt, id }: DueNotice, domain: string): string {
  const parts = texts.map(({ subject, lines }) => {
    const head = texts.length > 1 ? [subject, '-'.repeat(Math.min(subject.length, LINE_LENGTH))].join('\n') : null;
    return [...(head === null ? [] : [head]), ...lines.map(wrap)].join('\n\n');
  });
  const about = [
    `Account:  ${tenantName} (${tenantId}), ${mode} mode`,
    `Time:     ${new Date(createdAt).toISOString().replace('T', ' ').slice(0, 16)} UTC`,
    `Notice:   ${id}`,
  ].join('\n');
  const why = `Postern at ${domain}. You get this because your address is set to be told of what happens to this account.`;
  const foot = `-- \n${wrap(why)}`;
  return `${[...parts, about, foot].join('\n\n')}\n`;
}

/** Breaks a paragraph at blanks; a longer word, such as an address, stays whole. */
function wrap(paragraph: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of paragraph.split(/[ \n]+/)) {
    if (line !== '' && line.length + 1 + word.length > LINE_LENGTH) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}

/** One line of a length that every reader shows. Line ends and the like become blanks. */
function cut(subject: string): string {
  const plain = subject.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ').toWellFormed();
  return plain.length > 150 ? `${plain.slice(0, 149).toWellFormed()}…` : plain;
}
