/** Accounts that do nothing wrong, in words and with links that spam has too. */
import { HOUR, MINUTE, SECOND } from './account.ts';
import type { Kind } from './legit.ts';
import { name } from './wording.ts';

const USUAL = { bounce: 0.008 };

/** Invitations from a first day on, all answered at a page of somebody else. */
const invitations: Kind = (t) => {
  const guests = t.strangers(t.chance.whole(70, 160));
  const page = t.chance.pick(['rsvp-page.example/e', 'registration-desk.example/event', 'tickets-here.example/i']);
  for (let wave = 0; wave < 3; wave += 1) {
    t.goTo(wave === 0 ? 0 : 10, 18);
    for (const guest of guests) {
      const who = name(t.chance);
      t.send(
        guest,
        wave === 0 ? 'You are invited' : 'A reminder of our evening',
        `Dear ${who}, we would like to have you and a plus-one with us on the twentieth, in the old mill behind the river. Please tell us until the first whether you come: https://${page}/${t.chance.letters(8)} There will be music and supper. ${who}, bring a coat!`,
        { reply: 0.2, bounce: wave === 0 ? 0.008 : 0 },
      );
      t.wait(t.chance.between(2 * SECOND, 15 * SECOND));
    }
  }
};

/** A product greets those who sign up in the words of its trade. */
const trials: Kind = (t) => {
  for (let day = 0; day < 15; day += 1) {
    t.workingDay(t.chance.whole(10, 45), () =>
      t.send(
        t.stranger(),
        'Your free trial',
        `Hi ${name(t.chance)}, your free trial begins today. Click here to make your first board: https://app.${t.tenant}.example/start/${t.chance.letters(9)} As a special offer you pay a fifth less in your first year.`,
        USUAL,
      ),
    );
  }
};

/** A bank tells of sign-ins, and speaks of what thieves speak of. */
const signIns: Kind = (t) => {
  const customers = t.strangers(1500);
  for (let day = 0; day < 12; day += 1) {
    t.workingDay(t.chance.whole(20, 80), () =>
      t.send(
        t.chance.pick(customers),
        'New sign-in to your account',
        `Dear ${name(t.chance)}, somebody signed in from ${t.chance.pick(['a telephone', 'a new computer'])}. If you see unusual activity, verify your identity and change your password: https://www.${t.tenant}.example/security`,
        USUAL,
      ),
    );
  }
};

/** A carrier says when it comes, or that nobody was there. */
const deliveries: Kind = (t) => {
  for (let day = 0; day < 10; day += 1) {
    t.workingDay(t.chance.whole(40, 140), () =>
      t.send(
        t.stranger(),
        t.chance.pick(['Your parcel comes today', 'Nobody was at home', 'Delivered']),
        `Hello ${name(t.chance)}, your parcel ${t.chance.whole(100_000, 999_999)} ${t.chance.pick(['will be delivered before noon', 'could not be delivered, please choose another day', 'was left with a neighbour'])}. Where it is: https://${t.tenant}.example/t/${t.chance.letters(8)}`,
        USUAL,
      ),
    );
  }
};

/** A club asks for its yearly money, and reminds those who forget. */
const fees: Kind = (t) => {
  const members = t.strangers(t.chance.whole(80, 200));
  for (let round = 0; round < 3; round += 1) {
    t.goTo(round === 0 ? 0 : 14, 9);
    for (const member of members) {
      if (round > 0 && t.chance.is(0.6)) continue;
      t.send(
        member,
        'Membership',
        `Dear ${name(t.chance)}, the fee for this year is ${t.chance.whole(40, 190)} EUR. Please pay the fee within two weeks and update your address in the members' area: https://${t.tenant}.example/members`,
        { reply: 0.06, bounce: round === 0 ? 0.008 : 0 },
      );
      t.wait(t.chance.gap(t.chance.is(0.05) ? HOUR / 4 : MINUTE / 4));
    }
  }
};

export const NOTICES: Readonly<Record<string, Kind>> = {
  invitations,
  trials,
  'sign-ins': signIns,
  deliveries,
  fees,
};
