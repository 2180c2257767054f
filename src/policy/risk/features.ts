/**
 * What the risk score needs of a message's content, as small numbers: a language-free signature of its wording that changed
 * names, numbers and random words do not hide, how short or garbled it is, where its links lead. Computed once a message, before anything
 * is decided; the content itself is not needed again.
 *
 * One pass over the text, in time linear in its length, and at most `MOST_UNITS` of it are read. Attachments and link
 * targets are not opened.
 */
import { domainOf, hostHash } from './hash.ts';
import { readLinks } from './links.ts';
import { readWords, SIGNATURE_SLOTS, type Tally, takeSignature } from './words.ts';

export { SIGNATURE_SLOTS };

/** UTF-16 units read of a body. */
const MOST_UNITS = 8192;
/** Different link hosts kept. */
const MOST_HOSTS = 4;

export type ContentFeatures = {
  /** One-permutation MinHash over words and pairs of words, a character 0 to 255 a slot. */
  signature: string;
  words: number;
  /** Words with a digit in them. */
  numbers: number;
  /** Share of its letters that stand in words nobody writes, in thousandths. */
  gibberish: number;
  /** Phrases that go with fraud and bulk mail, 0 to 1000. */
  phrases: number;
  links: number;
  /** Hashes of the registrable domains that links lead to, at most four different ones. */
  hosts: readonly number[];
  /** Links that hide where they lead: another host in their text, a bare address, user information before the host. */
  deceptive: number;
  /** Hash of the sender's registrable domain; 0 where the sender is not known yet. */
  sender: number;
  /** Reply-To or display name speak of another domain than the sender's. */
  mismatch: boolean;
  /** It answers an earlier message. */
  isReply: boolean;
  /** What is attached, as bits: 1 document, 2 picture, 4 archive, 8 page, 16 other. */
  attached: number;
};

export type Content = {
  from: { email: string; name: string | null } | null;
  replyTo: readonly { email: string }[];
  subject: string;
  text: string | null;
  html: string | null;
  inReplyTo: string | null;
  attachments: readonly { filename: string; contentType: string }[];
};

export const NO_FEATURES: ContentFeatures = {
  signature: '\0'.repeat(SIGNATURE_SLOTS),
  words: 0,
  numbers: 0,
  gibberish: 0,
  phrases: 0,
  links: 0,
  hosts: [],
  deceptive: 0,
  sender: 0,
  mismatch: false,
  isReply: false,
  attached: 0,
};

export function featuresOf(content: Content): ContentFeatures {
  const { from, subject, text, html } = content;
  const tally: Tally = { words: 0, numbers: 0, letters: 0, garbled: 0, points: 0, bangs: 0, capitals: 0 };
  readWords(subject, false, tally);
  readWords(text ?? html ?? '', text === null, tally);
  const links = readLinks(text, html, MOST_UNITS, MOST_HOSTS);
  const sender = from === null ? 0 : hostHash(domainOf(from.email));
  return {
    signature: takeSignature(),
    words: tally.words,
    numbers: tally.numbers,
    gibberish: tally.letters === 0 ? 0 : Math.floor((tally.garbled * 1000) / tally.letters),
    phrases: Math.min(1000, tally.points + shouting(tally)),
    links: links.count,
    hosts: links.hosts,
    deceptive: links.deceptive,
    sender,
    mismatch: from !== null && isMismatch(from, content.replyTo, sender),
    isReply: content.inReplyTo !== null,
    attached: attachedBits(content.attachments),
  };
}

/** The features of a message whose sender was not named and is known now. */
export function withSender(content: ContentFeatures, from: { email: string }): ContentFeatures {
  return content.sender === 0 ? { ...content, sender: senderHash(from.email) } : content;
}

/** Few senders send most: the domain of each is hashed once. */
const MOST_SENDERS = 1024;
let senderHashes = new Map<string, number>();

function senderHash(email: string): number {
  let hash = senderHashes.get(email);
  if (hash === undefined) {
    hash = hostHash(domainOf(email));
    if (senderHashes.size >= MOST_SENDERS) senderHashes = new Map();
    senderHashes.set(email, hash);
  }
  return hash;
}

/** Capitals and exclamation marks, as points. */
function shouting(tally: Tally): number {
  const bangs = tally.bangs >= 3 ? 200 : 0;
  return bangs + (tally.letters >= 20 && tally.capitals * 2 > tally.letters ? 200 : 0);
}

function isMismatch(
  from: { email: string; name: string | null },
  replyTo: readonly { email: string }[],
  sender: number,
): boolean {
  if (replyTo.some(({ email }) => hostHash(domainOf(email)) !== sender)) return true;
  const at = from.name === null ? -1 : from.name.indexOf('@');
  if (from.name === null || at < 0) return false;
  const end = from.name.slice(at + 1).split(/[^A-Za-z0-9.-]/, 1)[0]!;
  return end.includes('.') && hostHash(end) !== sender;
}

const ARCHIVES = ['zip', 'rar', '7z', 'gz', 'tar', 'iso', 'img'];
const PAGES = ['html', 'htm', 'svg', 'xhtml'];

function attachedBits(attachments: Content['attachments']): number {
  let bits = 0;
  for (const { filename, contentType } of attachments) {
    const ending = filename.slice(filename.lastIndexOf('.') + 1).toLowerCase();
    if (ARCHIVES.includes(ending)) bits |= 4;
    else if (PAGES.includes(ending)) bits |= 8;
    else if (ending === 'pdf' || contentType.startsWith('application/vnd.')) bits |= 1;
    else if (contentType.startsWith('image/')) bits |= 2;
    else bits |= 16;
  }
  return bits;
}
