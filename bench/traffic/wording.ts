/** Words and sentences that the accounts of `accounts.ts` write with. */
import type { Chance } from './chance.ts';

const WORDS =
  'garden kitchen winter market letter bottle bicycle mountain ticket pencil window summer evening paper basket corner bridge farmer painter doctor teacher island village harbour forest blanket mirror candle carpet button jacket pocket wallet silver copper orange lemon pepper butter honey bread coffee'.split(
    ' ',
  );
const NAMES =
  'anna bruno carla david elena felix greta hugo irene jonas karin lukas maria nils olga peter rosa stefan tina ulrich vera walter yara zeno'.split(
    ' ',
  );
const SURNAMES =
  'adler bauer cole dunn eder frank gross haas ivers jung keller lang moser nagy owen peters quinn reed sommer thorn unger vogel weber young'.split(
    ' ',
  );
const HOSTS = [
  'mail.example',
  'post.example',
  'web.example',
  'inbox.example',
  'corp.example',
  'example.org',
  'example.com',
  'home.example',
];

const SENTENCES = [
  'Thank you for getting back to us so quickly.',
  'The delivery should reach you before the weekend.',
  'I have attached the drawings we talked about on the phone.',
  'Could you let me know whether Tuesday morning still suits you?',
  'We looked into the noise you described and replaced the bearing.',
  'The meeting room on the second floor is booked from nine to eleven.',
  'Please find the corrected version below, with the numbers from March.',
  'Our colleague will call you as soon as the part has arrived.',
  'I am sorry for the delay; the supplier changed the packaging.',
  'If anything is unclear, just answer this message.',
  'The colour you asked for is out of stock until the end of the month.',
  'We can offer you the room with the view for the same price.',
  'It was a pleasure to meet you and your family last week.',
  'The technician found a loose cable behind the panel and fixed it.',
  'You can keep using the old card until the new one is with you.',
  'Let us know how many people will come so that we can set the tables.',
  'The children enjoyed the trip, and nobody got lost this time.',
  'As agreed, the first half is due after the foundation is finished.',
  'I checked the contract again and the notice period is three months.',
  'The update did not help, so I reset the device to its old state.',
];

export function word(chance: Chance): string {
  return chance.pick(WORDS);
}

export function words(chance: Chance, count: number): string {
  return chance.some(WORDS, count).join(' ');
}

export function name(chance: Chance): string {
  return chance.pick(NAMES);
}

/** Free prose: sentences of people, or runs of plain words. */
export function prose(chance: Chance, sentences: number): string {
  if (chance.is(0.3)) return `${words(chance, sentences * 8)}.`;
  return chance.some(SENTENCES, sentences).join(' ');
}

/** A person's address that no other call with another number gives. */
export function person(chance: Chance, number: number): string {
  return `${chance.pick(NAMES)}.${chance.pick(SURNAMES)}${number}@${chance.pick(HOSTS)}`;
}

/** A link host that belongs to nobody else here. */
export function foreignHost(chance: Chance): string {
  return `${word(chance)}-${word(chance)}${chance.whole(1, 99)}.example`;
}
