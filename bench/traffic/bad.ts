/** Accounts that should be stopped: by mistake, by malice, or because somebody else got hold of them. */
import { DAY, HOUR, MINUTE, type Returns, SECOND, type Traffic } from './account.ts';
import type { Kind } from './legit.ts';
import { foreignHost, name, prose, word, words } from './wording.ts';

const purchased = (t: Traffic): Returns => ({
  bounce: t.chance.between(0.08, 0.18),
  complaint: 0.015,
  class: t.chance.is(0.5) ? 'unknown_user' : null,
});

/** A loop of somebody who tries things out in live mode. */
const tryingOut: Kind = (t) => {
  t.turnsBad('suspicious');
  const to = `dave@${t.tenant}-dev.example`;
  const { chance } = t;
  for (let i = chance.whole(26, 45); i > 0; i -= 1) {
    const text = chance.pick([
      'test',
      'asdf',
      `${chance.letters(chance.whole(3, 9))} ${chance.letters(chance.whole(3, 9))}`,
      chance.letters(6),
    ]);
    t.send(to, chance.pick(['test', 'hello', chance.letters(5)]), text);
    t.wait(chance.gap(45 * SECOND));
  }
};

/** A loop that sends the same again and again. */
const runaway: Kind = (t) => {
  t.turnsBad('suspicious');
  const to = t.stranger();
  const text = t.chance.pick([
    'Your export is ready.',
    'The backup has failed, please look at it.',
    'ping',
    'You have a new message in your inbox. Sign in to read it.',
  ]);
  for (let i = t.chance.whole(40, 200); i > 0; i -= 1) {
    t.send(to, 'Notice', text);
    t.wait(t.chance.gap(t.chance.is(0.5) ? 10 * SECOND : 40 * SECOND));
  }
};

const harassment: Kind = (t) => {
  t.turnsBad('abuse');
  const victims = t.strangers(t.chance.whole(1, 2));
  for (let i = t.chance.whole(150, 260); i > 0; i -= 1) {
    t.send(
      t.chance.pick(victims),
      t.chance.pick(['Answer me', 'Why', 'You will see', words(t.chance, 2)]),
      `${words(t.chance, t.chance.whole(2, 9))} ${t.chance.is(0.3) ? prose(t.chance, 1) : ''}`,
    );
    t.wait(t.chance.is(0.015) ? t.chance.between(3, 20) * HOUR : t.chance.gap(70 * SECOND));
  }
};

const blast = (
  t: Traffic,
  count: number,
  gapMs: number,
  message: () => [subject: string, text: string],
  returns = purchased(t),
): void => {
  for (let i = 0; i < count; i += 1) {
    t.send(t.stranger(), ...message(), returns);
    t.wait(t.chance.gap(gapMs));
  }
};

const freshBlast: Kind = (t) => {
  t.turnsBad('abuse');
  const text = t.chance.pick([
    `Earn ${t.chance.whole(1000, 9000)} a week from home, click https://${foreignHost(t.chance)}/win now. Limited places, act today!!!`,
    `Congratulations, you won a gift card. Claim your prize at https://${foreignHost(t.chance)}/claim`,
    `Cheap pills without prescription, order now: http://${foreignHost(t.chance)}/shop best price`,
  ]);
  blast(t, t.chance.whole(300, 1000), t.chance.between(1, 5) * SECOND, () => ['You have been selected', text]);
};

/** Every copy differs: names, numbers, words thrown in, other paths and hosts. */
const hashBusting: Kind = (t) => {
  t.turnsBad('abuse');
  const { chance } = t;
  const hosts = Array.from({ length: chance.whole(1, 6) }, () => foreignHost(chance));
  const core = chance
    .pick([
      'your document has been shared with you open it before it expires at',
      'a new voice message from your bank is waiting listen to it here',
      'our customers earn good money every week see how it is done at',
      'we have the best watches of this year for a small price look at',
    ])
    .split(' ');
  blast(t, chance.whole(300, 1000), chance.between(1, 5) * SECOND, () => {
    const text = core.flatMap((one) => (chance.is(0.25) ? [one, word(chance)] : [one]));
    const tail = words(chance, chance.whole(3, 15));
    return [
      `${name(chance)} ${chance.whole(10, 9999)}`,
      `Hi ${name(chance)}, ${text.join(' ')} https://${chance.pick(hosts)}/${chance.letters(7)} ${tail} ${chance.whole(1, 99999)}`,
    ];
  });
};

/** The same without any link: an answer is what it wants. */
const loans: Kind = (t) => {
  t.turnsBad('abuse');
  const { chance } = t;
  blast(t, chance.whole(250, 600), chance.between(2, 8) * SECOND, () => [
    `Loan ${chance.whole(100, 999)}`,
    `Dear friend ${name(chance)}, your instant loan approved for ${chance.whole(10, 90)}000 dollars, no credit check, no obligation. ${words(chance, 6)} Answer today, act now.`,
  ]);
};

/** German, and no phrase that a list of English ones has. */
const german: Kind = (t) => {
  t.turnsBad('abuse');
  const { chance } = t;
  blast(t, chance.whole(300, 700), chance.between(1, 4) * SECOND, () => [
    `Wichtige Mitteilung ${chance.whole(100, 999)}`,
    `Guten Tag ${name(chance)}, Ihr Konto wurde eingeschränkt. Bitte bestätigen Sie Ihre Daten innerhalb von 24 Stunden: https://${foreignHost(chance)}/konto/${chance.letters(8)}`,
  ]);
};

/** Which of these addresses exist? */
const probing: Kind = (t) => {
  t.turnsBad('abuse');
  const { chance } = t;
  const domain = `${word(chance)}-${word(chance)}.example`;
  const text = chance.pick([
    'Hello',
    'Hi, is this still your address?',
    'Good morning, please confirm that you got this.',
  ]);
  const gapMs = chance.pick([2, 10, 60]) * SECOND;
  const returns = { bounce: chance.between(0.35, 0.7), class: chance.is(0.6) ? 'unknown_user' : null };
  for (let i = chance.whole(200, 500); i > 0; i -= 1) {
    const to = chance.is(0.5) ? t.stranger() : `${name(chance)}${chance.whole(1, 9999)}@${domain}`;
    t.send(to, 'Hello', text, returns);
    t.wait(chance.gap(gapMs));
  }
};

const history = (t: Traffic, days: number): void => {
  const customers = t.strangers(150);
  for (let day = 0; day < days; day += 1) {
    t.workingDay(t.chance.whole(8, 40), () => {
      const to = t.chance.is(0.2) ? t.stranger() : t.chance.pick(customers);
      t.send(to, `Job ${t.chance.whole(1, 99)}`, `Hello, the ${word(t.chance)} is done. ${prose(t.chance, 2)}`, {
        reply: 0.25,
        bounce: 0.004,
      });
    });
  }
};

/** An old account in other hands, at night. */
const takeover: Kind = (t) => {
  history(t, t.chance.whole(15, 45));
  t.wait(2 * HOUR);
  t.turnsBad('abuse', true);
  const { chance } = t;
  const host = (): string => foreignHost(chance);
  const message = chance.pick<() => [string, string]>([
    () => [
      'Your parcel is waiting',
      `Your parcel could not be delivered. Verify your address and pay the fee: http://${host()}/${chance.letters(6)}`,
    ],
    () => [
      'Shared document',
      `${name(chance)} shared a document with you: http://${host()}/${chance.letters(9)} ${words(chance, 4)}`,
    ],
    () => [
      'Unpaid invoice',
      `Please find the unpaid invoice of last month under http://${host()}/${chance.letters(5)} and settle it today.`,
    ],
  ]);
  blast(t, chance.whole(400, 1800), chance.pick([1.5, 4, 25]) * SECOND, message);
};

/** A little every day, for weeks. */
const slowDrip: Kind = (t) => {
  t.turnsBad('abuse');
  const { chance } = t;
  const returns = {
    bounce: chance.between(0.1, 0.22),
    complaint: 0.018,
    class: chance.is(0.5) ? 'unknown_user' : null,
  };
  for (let day = 0; day < 14; day += 1) {
    t.workingDay(chance.whole(30, 60), () =>
      t.send(
        t.stranger(),
        `Question about ${word(chance)}`,
        `Hi, I saw your site and wondered if you need ${word(chance)} ${chance.pick(['leads', 'visitors', 'reviews'])}. ${words(chance, chance.whole(10, 20))}`,
        returns,
      ),
    );
  }
};

/** Behaves for days among friends, then begins. */
const sleeper: Kind = (t) => {
  const friends = t.strangers(8);
  for (let day = 0; day < 6; day += 1)
    t.workingDay(6, () => t.send(t.chance.pick(friends), words(t.chance, 2), prose(t.chance, 2), { reply: 0.7 }));
  t.wait(11 * HOUR);
  t.turnsBad('abuse', true);
  freshBlastFrom(t);
};

const freshBlastFrom = (t: Traffic): void => {
  const link = foreignHost(t.chance);
  blast(t, t.chance.whole(300, 900), t.chance.between(1, 6) * SECOND, () => [
    'A chance for you',
    `Hello ${name(t.chance)}, double your money in ${t.chance.whole(2, 9)} days, guaranteed returns, see https://${link}/${t.chance.letters(5)}`,
  ]);
};

/** Many addresses in every message. */
const manyAtOnce: Kind = (t) => {
  t.turnsBad('abuse');
  const returns = purchased(t);
  const link = foreignHost(t.chance);
  for (let i = t.chance.whole(60, 120); i > 0; i -= 1) {
    t.send(
      t.strangers(t.chance.whole(20, 50)),
      'Best offer',
      `Web traffic for your site, special offer, order now at https://${link}/ ${words(t.chance, 3)}`,
      returns,
    );
    t.wait(t.chance.gap(20 * SECOND));
  }
};

/** A bought list, a real shop, its own links. */
const boughtList: Kind = (t) => {
  t.turnsBad('abuse');
  const returns = { bounce: t.chance.between(0.09, 0.18), complaint: 0.012, unsubscribe: 0.05, class: 'unknown_user' };
  const text = `Discover our spring collection. ${prose(t.chance, 3)} Special offer for a limited time, buy now: https://${t.tenant}.example/spring`;
  for (let i = t.chance.whole(600, 1500); i > 0; i -= 1) {
    t.send(t.stranger(), 'Spring collection', text, returns, 'marketing');
    t.wait(t.chance.gap(2.5 * SECOND));
  }
};

/** One of many accounts that share a campaign among them. */
const snowshoe: Kind = (t) => {
  t.turnsBad('abuse');
  const link = foreignHost(t.chance);
  for (let day = 0; day < 5; day += 1) {
    const start = t.now;
    while (t.now < start + DAY) {
      t.send(
        t.stranger(),
        'Your chance',
        `Hi ${name(t.chance)}, earn money from home with our system, no experience: https://${link}/${t.chance.letters(6)}`,
        { bounce: 0.12, complaint: 0.012 },
      );
      t.wait(t.chance.gap(10 * MINUTE));
    }
  }
};

export const BAD: Readonly<Record<string, Kind>> = {
  'trying-out': tryingOut,
  runaway,
  harassment,
  'fresh-blast': freshBlast,
  'hash-busting': hashBusting,
  loans,
  german,
  probing,
  takeover,
  'slow-drip': slowDrip,
  sleeper,
  'many-at-once': manyAtOnce,
  'bought-list': boughtList,
  snowshoe,
};
