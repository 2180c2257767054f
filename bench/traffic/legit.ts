/** Accounts that do nothing wrong, each in a way that looks like something else. */
import { DAY, HOUR, MINUTE, SECOND, type Traffic } from './account.ts';
import { foreignHost, name, prose, word, words } from './wording.ts';

export type Kind = (t: Traffic) => void;

const EVERY_DAY = { bounce: 0.006 };

/** Sign-in codes day and night, asked for twice at times, in a wave whenever something begins. */
const codes: Kind = (t) => {
  const { chance } = t;
  const text = chance.pick([
    (code: number) => `Your code is ${code}. It is valid for 10 minutes.`,
    (code: number) => `${code} is your sign-in code`,
    (code: number) => `Use ${code} to sign in. If you did not ask for it, ignore this message.`,
    (code: number) => `Code: ${code}`,
  ]);
  const perHour = chance.whole(10, 60);
  const users = t.strangers(200);
  for (let hour = 0; hour < 24 * 7; hour += 1) {
    const start = t.now;
    const wave = chance.is(0.04) ? chance.whole(4, 9) : 1;
    while (t.now < start + HOUR) {
      const to = chance.is(0.3) ? chance.pick(users) : t.stranger();
      const times = chance.is(0.12) ? chance.whole(2, 4) : 1;
      for (let i = 0; i < times; i += 1) {
        t.send(to, 'Your sign-in code', text(chance.whole(100_000, 999_999)), { bounce: 0.003 });
        t.wait(chance.between(20 * SECOND, 70 * SECOND));
      }
      t.wait(chance.gap(HOUR / (perHour * wave)));
    }
  }
};

/** A service that opens to the public: everybody signs up within an hour of its first day. */
const launch: Kind = (t) => {
  for (let i = 0; i < 600; i += 1) {
    const who = t.stranger();
    t.send(
      who,
      `Welcome, ${name(t.chance)}`,
      `Hello ${name(t.chance)}, please confirm your address: https://${t.tenant}.example/confirm/${t.chance.letters(12)}`,
      { bounce: 0.012 },
    );
    t.wait(t.chance.gap(i < 400 ? 8 * SECOND : 4 * MINUTE));
  }
};

const passwordResets: Kind = (t) => {
  const host = t.chance.is(0.5) ? `${t.tenant}.example` : `app.${t.tenant}.example`;
  for (let day = 0; day < 12; day += 1) {
    t.workingDay(t.chance.whole(20, 80), () =>
      t.send(
        t.stranger(),
        'Reset your password',
        `Someone asked to reset your password. Follow https://${host}/reset/${t.chance.letters(20)} to choose a new one. It works for one hour.`,
        EVERY_DAY,
      ),
    );
  }
};

/** Alerts to one address for weeks, nobody ever answers; from the second week on incidents bring many at once. */
const onCall: Kind = (t) => {
  const { chance } = t;
  const to = `oncall@${t.tenant}-ops.example`;
  const alert = (): void => {
    const state = chance.pick(['crit', 'warn', 'ok']);
    const number = chance.whole(1, 40);
    t.send(
      to,
      `[${state}] ${word(chance)}-${number} ${chance.pick(['load', 'disk', 'latency', 'probe'])}`,
      `Check ${word(chance)} on host ${word(chance)}-${number} is ${chance.pick(['above', 'below', 'back at'])} ${chance.whole(1, 99)} %. Since ${chance.whole(1, 59)} min.`,
    );
  };
  const perDay = chance.whole(12, 40);
  for (let day = 0; day < 35; day += 1) {
    const end = t.now + DAY;
    const incident = day > 7 && chance.is(0.2);
    if (incident) {
      t.wait(chance.between(0, 20) * HOUR);
      for (let i = chance.whole(8, 15); i > 0; i -= 1) {
        alert();
        t.wait(chance.gap(MINUTE));
      }
    }
    while (t.now < end) {
      alert();
      t.wait(chance.gap(DAY / perDay));
    }
  }
};

const invoice = (t: Traffic, to: string, reply: number): void => {
  const number = t.chance.whole(1000, 9999);
  t.send(
    to,
    `Invoice ${number}`,
    `Hello, your invoice ${number} for ${word(t.chance)} ${word(t.chance)} over ${t.chance.whole(20, 900)} EUR is attached. Thank you for your order.`,
    { reply, bounce: 0.004, class: 'unknown_user' },
  );
};

/** Some invoices a day, and at the end of the month all of them. */
const monthEnd: Kind = (t) => {
  const customers = t.strangers(t.chance.whole(200, 500));
  const quietDays = t.chance.whole(6, 25);
  for (let day = 0; day < quietDays; day += 1)
    t.workingDay(t.chance.whole(10, 40), () => invoice(t, t.chance.pick(customers), 0.15));
  t.wait(9 * HOUR);
  for (const customer of [...customers, ...t.strangers(60)]) {
    invoice(t, customer, 0.05);
    t.wait(t.chance.gap(t.chance.is(0.5) ? 2 * SECOND : 15 * SECOND));
  }
};

/** Brings its customers along from elsewhere and sends all invoices on its second day. */
const movedIn: Kind = (t) => {
  t.workingDay(8, () => invoice(t, t.stranger(), 0.3));
  t.wait(9 * HOUR);
  for (let i = 0; i < 250; i += 1) {
    invoice(t, t.stranger(), 0.04);
    t.wait(t.chance.gap(6 * SECOND));
  }
};

const support: Kind = (t) => {
  const customers = t.strangers(60);
  for (let day = 0; day < 10; day += 1) {
    t.workingDay(t.chance.whole(20, 50), () => {
      const customer = t.chance.pick(customers);
      t.send(
        customer,
        `Re: ticket ${t.chance.whole(1, 90)}`,
        `Thank you for your message. ${prose(t.chance, t.chance.whole(2, 6))}`,
        { reply: 0.8 },
      );
    });
  }
};

/** People signed up; each issue goes to all of them within minutes. */
const newsletter: Kind = (t) => {
  const { chance } = t;
  const readers = t.strangers(chance.whole(300, 1500));
  for (const reader of readers) t.comeBack('consent', reader, 0);
  t.wait(20 * DAY);
  const host = chance.is(0.5) ? `${t.tenant}.example` : foreignHost(chance);
  for (let issue = 0; issue < 4; issue += 1) {
    t.goTo(7, 10);
    const text = `${prose(chance, 8)} Special offer of the week, order now: https://${host}/issue/${issue} Click here to leave the list.`;
    for (const reader of readers) {
      t.send(
        reader,
        `News in week ${issue}`,
        text,
        { bounce: 0.003, unsubscribe: 0.002, complaint: 0.0004 },
        'marketing',
      );
      t.wait(chance.whole(200, 600));
    }
  }
};

const firstWeek: Kind = (t) => {
  for (let day = 0; day < 7; day += 1) {
    t.workingDay(t.chance.whole(8, 60), () => {
      const who = name(t.chance);
      t.send(t.stranger(), `Welcome, ${who}`, `Hello ${who}, your account is ready. ${prose(t.chance, 2)}`, {
        reply: 0.15,
        bounce: 0.015,
        class: 'unknown_user',
      });
    });
  }
};

/** Every morning at eight, all at once; people come back after weeks. */
const reminders: Kind = (t) => {
  const { chance } = t;
  const patients = t.strangers(chance.whole(300, 900));
  let next = 0;
  const german = chance.is(0.4);
  for (let day = 0; day < 14; day += 1) {
    t.goTo(1, 8);
    for (let i = chance.whole(30, 110); i > 0; i -= 1) {
      const time = `${chance.whole(8, 17)}:${chance.pick(['00', '15', '30', '45'])}`;
      const text = german
        ? `Guten Tag, wir erinnern Sie an Ihren Termin morgen um ${time} Uhr. Falls Sie verhindert sind, antworten Sie bitte auf diese Nachricht.`
        : `Hello ${name(chance)}, this is a reminder of your appointment tomorrow at ${time}. Answer this message if you cannot come.`;
      t.send(patients[next++ % patients.length]!, german ? 'Ihr Termin' : 'Your appointment', text, {
        reply: 0.08,
        bounce: 0.008,
        class: 'unknown_user',
      });
      t.wait(chance.gap(2 * SECOND));
    }
  }
};

/** A shop: confirmations, and the carrier's link when a parcel leaves. */
const shop: Kind = (t) => {
  const { chance } = t;
  const carrier = foreignHost(chance);
  for (let day = 0; day < 14; day += 1) {
    const orders = t.strangers(chance.whole(20, 90));
    t.workingDay(orders.length, () => {
      const number = chance.whole(10_000, 99_999);
      t.send(
        chance.pick(orders),
        `Order ${number}`,
        `Thank you for your order ${number}. We will tell you when it leaves our house. ${words(chance, 6)}`,
        { bounce: 0.01, reply: 0.03 },
      );
    });
    t.goTo(-1, 18);
    for (const customer of orders) {
      t.send(
        customer,
        'Your parcel is on its way',
        `Your order has left our house. Follow it at https://${carrier}/track/${chance.letters(10)}`,
        { bounce: 0.005 },
      );
      t.wait(chance.gap(40 * SECOND));
    }
    t.goTo(1, 0);
  }
};

/** One person's business mail, with people who do not answer at once. */
const person: Kind = (t) => {
  const partners = t.strangers(40);
  for (let day = 0; day < 20; day += 1) {
    t.workingDay(t.chance.whole(4, 20), () => {
      const to = t.chance.is(0.2) ? t.stranger() : t.chance.pick(partners);
      t.send(
        to,
        t.chance.is(0.5) ? `Re: ${words(t.chance, 3)}` : words(t.chance, 3),
        prose(t.chance, t.chance.whole(1, 6)),
        { reply: 0.45, bounce: 0.005 },
      );
      for (let i = t.chance.is(0.1) ? t.chance.whole(1, 3) : 0; i > 0; i -= 1) {
        t.wait(t.chance.between(2 * MINUTE, 30 * MINUTE));
        t.send(to, 'One more thing', prose(t.chance, 1), { reply: 0.3 });
      }
    });
  }
};

/** Quiet, then a sale begins and everybody gets a ticket. */
const tickets: Kind = (t) => {
  for (let day = 0; day < 9; day += 1)
    t.workingDay(t.chance.whole(5, 20), () =>
      t.send(t.stranger(), 'Your question', prose(t.chance, 3), { reply: 0.3 }),
    );
  t.wait(10 * HOUR);
  for (let i = 0; i < 400; i += 1) {
    t.send(
      t.stranger(),
      'Your ticket',
      `Hello ${name(t.chance)}, here is your ticket: row ${t.chance.whole(1, 30)}, seat ${t.chance.whole(1, 60)}. https://${t.tenant}.example/t/${t.chance.letters(8)}`,
      { bounce: 0.008 },
    );
    t.wait(t.chance.gap(3 * SECOND));
  }
};

/** A teacher writes to all parents at once. */
const school: Kind = (t) => {
  const parents = t.strangers(t.chance.whole(18, 40));
  for (let day = 0; day < 30; day += 1) {
    if (t.chance.is(0.4)) {
      t.goTo(0, 14);
      t.send(parents, `Class ${words(t.chance, 2)}`, `Dear parents, ${prose(t.chance, 4)}`, {
        reply: 0.05,
        bounce: 0.003,
      });
    }
    t.goTo(1, 14);
  }
};

/** The same report to the same few people, every hour. */
const reports: Kind = (t) => {
  const staff = t.strangers(t.chance.whole(1, 5));
  for (let hour = 0; hour < 24 * 12; hour += 1) {
    for (const one of staff) {
      t.send(
        one,
        'Hourly report',
        `Orders: ${t.chance.whole(0, 99)}. Returns: ${t.chance.whole(0, 9)}. Stock is ${t.chance.pick(['fine', 'low'])}.`,
      );
      t.wait(SECOND);
    }
    t.wait(HOUR - staff.length * SECOND);
  }
};

/** Builds and reviews, to the same developers all day. */
const buildServer: Kind = (t) => {
  const developers = t.strangers(7);
  for (let day = 0; day < 15; day += 1) {
    t.workingDay(t.chance.whole(40, 120), () =>
      t.send(
        t.chance.pick(developers),
        `[build] ${word(t.chance)} ${t.chance.pick(['passed', 'failed'])}`,
        `Build ${t.chance.whole(100, 9999)} of ${word(t.chance)} by ${name(t.chance)}: ${t.chance.pick(['all tests passed', `${t.chance.whole(1, 9)} tests failed`])}. https://ci.${t.tenant}.example/${t.chance.letters(8)}`,
        { reply: 0.01 },
      ),
    );
  }
};

/** A mediator: strangers write to strangers, about anything. */
const marketplace: Kind = (t) => {
  for (let day = 0; day < 10; day += 1) {
    t.workingDay(t.chance.whole(60, 200), () =>
      t.send(
        t.stranger(),
        `Question about your ${word(t.chance)}`,
        `${name(t.chance)} writes: ${prose(t.chance, t.chance.whole(1, 4))}${t.chance.is(0.05) ? ` See https://${foreignHost(t.chance)}/` : ''}`,
        { reply: 0.35, bounce: 0.006 },
      ),
    );
  }
};

/** After each purchase, one question with a form elsewhere. */
const survey: Kind = (t) => {
  const host = foreignHost(t.chance);
  for (let day = 0; day < 10; day += 1) {
    t.workingDay(t.chance.whole(15, 60), () =>
      t.send(
        t.stranger(),
        'How was it?',
        `Hello ${name(t.chance)}, you bought a ${word(t.chance)} from us. Would you tell us how you like it? https://${host}/f/${t.chance.letters(9)}`,
        { bounce: 0.007, reply: 0.02 },
      ),
    );
  }
};

/** Silent for weeks, then everybody who was a guest before is written to. */
const seasonal: Kind = (t) => {
  const guests = t.strangers(220);
  for (const guest of guests) {
    t.send(guest, 'Your stay', `Dear ${name(t.chance)}, we look forward to your stay. ${prose(t.chance, 2)}`, {
      reply: 0.3,
      bounce: 0.005,
    });
    t.wait(t.chance.gap(2 * HOUR));
  }
  t.goTo(35, 9);
  const text = `The hotel opens again in spring. ${prose(t.chance, 3)} https://${t.tenant}.example/spring`;
  for (const guest of guests) {
    t.send(guest, 'We open again', text, { reply: 0.05, bounce: 0.012, class: 'unknown_user' });
    t.wait(t.chance.gap(4 * SECOND));
  }
};

/** A hundred people ask for an offer on the phone; each gets one, few answer the same day. */
const offers: Kind = (t) => {
  for (let day = 0; day < 15; day += 1) {
    t.workingDay(t.chance.whole(5, 25), () => {
      const to = t.stranger();
      t.send(
        to,
        `Offer ${t.chance.whole(100, 999)}`,
        `Dear ${name(t.chance)}, as discussed on the phone, here is our offer for the ${word(t.chance)}. ${prose(t.chance, 3)} Best price until Friday.`,
        { reply: 0.2, bounce: 0.02, class: 'unknown_user' },
      );
    });
  }
};

/** A large house: resets, receipts and a digest, thousands a day, for a month. */
const largeHouse: Kind = (t) => {
  const users = t.strangers(3000);
  for (let day = 0; day < 6; day += 1) {
    const start = t.now;
    while (t.now < start + DAY) {
      const to = t.chance.is(0.1) ? t.stranger() : t.chance.pick(users);
      const kind = t.chance.whole(0, 2);
      if (kind === 0)
        t.send(
          to,
          'Reset your password',
          `Follow https://${t.tenant}.example/r/${t.chance.letters(16)} to reset your password.`,
          EVERY_DAY,
        );
      else if (kind === 1)
        t.send(to, 'Your receipt', `You paid ${t.chance.whole(1, 200)} EUR for ${words(t.chance, 2)}.`, EVERY_DAY);
      else t.send(to, 'Your day', `${prose(t.chance, 3)} https://${t.tenant}.example/day`, EVERY_DAY);
      t.wait(t.chance.gap(DAY / 2000));
    }
  }
};

/** A form on a web page: what strangers write there goes to one mailbox, which never answers here. */
const contactForm: Kind = (t) => {
  const to = `info@${t.tenant}.example`;
  for (let day = 0; day < 20; day += 1) {
    t.workingDay(t.chance.whole(8, 30), () =>
      t.send(
        to,
        `Message from ${name(t.chance)}`,
        `Someone wrote to you on your page.\nName: ${name(t.chance)}\nMessage: ${prose(t.chance, t.chance.whole(1, 5))}`,
      ),
    );
  }
};

export const LEGIT: Readonly<Record<string, Kind>> = {
  codes,
  launch,
  'password-resets': passwordResets,
  'on-call': onCall,
  'month-end': monthEnd,
  'moved-in': movedIn,
  support,
  newsletter,
  'first-week': firstWeek,
  reminders,
  shop,
  person,
  tickets,
  school,
  reports,
  'build-server': buildServer,
  marketplace,
  survey,
  seasonal,
  offers,
  'large-house': largeHouse,
  'contact-form': contactForm,
};
