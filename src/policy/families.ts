/**
 * Families of destinations: domains whose mail one operator takes, and whose view of a new sender is therefore one. By name, for
 * the large ones; who hosts another domain is not seen in it, so that all others are one family.
 */

export const FAMILIES = [
  'google',
  'microsoft',
  'yahoo',
  'apple',
  'proton',
  'zoho',
  'gmx',
  'telekom',
  'orange',
  'mailru',
  'yandex',
  'naver',
  'tencent',
  'netease',
  'comcast',
  'other',
] as const;
export type Family = (typeof FAMILIES)[number];

const DOMAINS: Record<Exclude<Family, 'other'>, readonly string[]> = {
  google: ['gmail.com', 'googlemail.com'],
  microsoft: [
    'outlook.com',
    'hotmail.com',
    'live.com',
    'msn.com',
    'passport.com',
    'hotmail.co.uk',
    'hotmail.fr',
    'hotmail.de',
    'hotmail.it',
    'hotmail.es',
    'live.co.uk',
    'live.fr',
    'live.de',
    'live.nl',
    'live.it',
    'outlook.de',
    'outlook.fr',
    'outlook.es',
    'outlook.it',
    'outlook.jp',
  ],
  yahoo: [
    'yahoo.com',
    'ymail.com',
    'rocketmail.com',
    'aol.com',
    'aim.com',
    'yahoo.co.uk',
    'yahoo.fr',
    'yahoo.de',
    'yahoo.it',
    'yahoo.es',
    'yahoo.ca',
    'yahoo.co.in',
    'yahoo.in',
    'yahoo.com.br',
    'yahoo.com.au',
    'verizon.net',
  ],
  apple: ['icloud.com', 'me.com', 'mac.com'],
  proton: ['proton.me', 'protonmail.com', 'protonmail.ch', 'pm.me'],
  zoho: ['zoho.com', 'zohomail.com', 'zoho.eu', 'zohomail.eu', 'zoho.in', 'zohomail.in'],
  gmx: ['gmx.net', 'gmx.de', 'gmx.at', 'gmx.ch', 'gmx.com', 'web.de', 'mail.com', '1und1.de'],
  telekom: ['t-online.de', 'magenta.de'],
  orange: ['orange.fr', 'wanadoo.fr'],
  mailru: ['mail.ru', 'inbox.ru', 'list.ru', 'bk.ru', 'internet.ru'],
  yandex: ['yandex.ru', 'yandex.com', 'ya.ru', 'yandex.by', 'yandex.kz'],
  naver: ['naver.com'],
  tencent: ['qq.com', 'foxmail.com'],
  netease: ['163.com', '126.com', 'yeah.net'],
  comcast: ['comcast.net', 'xfinity.com'],
};

const OF_DOMAIN: ReadonlyMap<string, Family> = new Map(
  Object.entries(DOMAINS).flatMap(([family, domains]) => domains.map((domain) => [domain, family as Family] as const)),
);

/** The family that takes the mail of a recipient's domain. */
export function familyOf(domain: string): Family {
  return OF_DOMAIN.get(domain) ?? 'other';
}
