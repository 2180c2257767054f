/** Attachments as other systems' clients give them: base64 with line ends, no type where the file's name tells it, perhaps no name. */

/** Types by the end of a file's name: what offices, shops and calendars attach. */
const TYPES: Readonly<Record<string, string>> = {
  ...{
    pdf: 'application/pdf',
    txt: 'text/plain',
    csv: 'text/csv',
    html: 'text/html',
    htm: 'text/html',
    md: 'text/markdown',
  },
  ...{
    png: 'image/png',
    jpg: 'image/jpeg',
    jpeg: 'image/jpeg',
    gif: 'image/gif',
    webp: 'image/webp',
    svg: 'image/svg+xml',
  },
  ...{ bmp: 'image/bmp', tif: 'image/tiff', tiff: 'image/tiff', heic: 'image/heic', ico: 'image/vnd.microsoft.icon' },
  ...{
    ics: 'text/calendar',
    vcf: 'text/vcard',
    eml: 'message/rfc822',
    json: 'application/json',
    xml: 'application/xml',
  },
  ...{
    zip: 'application/zip',
    gz: 'application/gzip',
    rtf: 'application/rtf',
    odt: 'application/vnd.oasis.opendocument.text',
  },
  ...{ ods: 'application/vnd.oasis.opendocument.spreadsheet', odp: 'application/vnd.oasis.opendocument.presentation' },
  ...{ doc: 'application/msword', xls: 'application/vnd.ms-excel', ppt: 'application/vnd.ms-powerpoint' },
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  pptx: 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  ...{
    mp3: 'audio/mpeg',
    wav: 'audio/wav',
    mp4: 'video/mp4',
    mov: 'video/quicktime',
    pkpass: 'application/vnd.apple.pkpass',
  },
};

export type AttachedFields = { filename?: unknown; content?: unknown; content_type?: unknown; content_id?: unknown };

/** As a submission has it; `at`: its place in the list, from 0. */
export function attachedFile({ filename, content, content_type, content_id }: AttachedFields, at: number): object {
  const name = isAbsent(filename) || filename === false ? `attachment-${at + 1}` : filename;
  const type = isAbsent(content_type) ? typeOf(name) : content_type;
  const known = { filename: name, content: joined(content), content_type: type, content_id };
  return Object.fromEntries(Object.entries(known).filter(([, value]) => !isAbsent(value)));
}

const isAbsent = (value: unknown): boolean => value === undefined || value === null || value === '';

function typeOf(name: unknown): string | undefined {
  if (typeof name !== 'string') return undefined;
  const end = name.slice(name.lastIndexOf('.') + 1).toLowerCase();
  return Object.hasOwn(TYPES, end) ? TYPES[end] : undefined;
}

/** Without the line ends and blanks that RFC 2045 §6.8 puts in base64. */
function joined(content: unknown): unknown {
  return typeof content === 'string' && /[\r\n\t ]/.test(content) ? content.replace(/[\r\n\t ]+/g, '') : content;
}
