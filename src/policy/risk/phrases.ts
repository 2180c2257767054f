/**
 * Phrases that go with fraud and unsolicited bulk mail, with points. No single phrase is proof: a message needs several, and
 * the score needs many messages. A phrase is two words that stand side by side, whatever stands between them but letters.
 */
import { spread } from './hash.ts';

const STRONG = [
  'been selected, have won, you won, claim your, your prize, cash prize, free money, earn money, make money, extra income',
  'double your, guaranteed returns, guaranteed income, risk free, million dollars, million euros, wire transfer, of kin, dear beneficiary',
  'act now, act today, limited places, hot singles, cheap pills, cheap meds, without prescription, online pharmacy, online casino, casino bonus',
  'free spins, weight loss, miracle cure, lose weight, replica watches, designer replica, web traffic, increase traffic, organic traffic',
  'page ranking, seo services, your site, guest post, link exchange, need leads, more leads, want leads, bulk leads',
  'unpaid fee, customs fee, account suspended, account locked, account limited, unusual activity, gift card, gift cards, seed phrase',
  'week home, week from, from home, work home, no obligation, no experience, dear friend, dear winner, cheap viagra, buy viagra, buy cialis',
  'bitcoin profit, crypto profit, crypto investment, in bitcoin, investment opportunity, penny stock, price target, instant loan, loan approved',
  'your webcam, your camera, recorded you, kindly transfer, kindly remit, inheritance fund, late client',
  // German
  'ohne schufa, ohne vorkosten, kredit ohne, haben gewonnen, ihr gewinn, ihren gewinn, gewinn abholen, geld verdienen, schnelles geld',
  'passives einkommen, garantierte rendite, garantierter gewinn, ohne rezept, konto gesperrt, konto eingeschränkt, kredit bewilligt',
  'bereits genehmigt, millionen euro, millionen dollar, lieber gewinner, von zuhause, räumungsverkauf wegen',
  // French
  'avez gagné, heureux gagnant, cher gagnant, cher bénéficiaire, compte suspendu, compte bloqué, compte limité, sans ordonnance, prêt rapide',
  'crédit rapide, sans justificatif, revenus garantis, rendement garanti, argent facile, carte cadeau, bonus gratuit, frais impayés',
  // Spanish and Portuguese
  'ha ganado, sido seleccionado, sido seleccionada, su premio, ganar dinero, dinero fácil, dinero extra, sin receta, préstamo inmediato',
  'préstamo aprobado, cuenta suspendida, cuenta bloqueada, cuenta limitada, rentabilidad garantizada, ingresos garantizados, desde casa',
  'estimado beneficiario, você ganhou, foi selecionado, ganhar dinheiro, dinheiro fácil, conta suspensa, conta bloqueada, sem receita',
  // Italian and Dutch
  'hai vinto, ha vinto, tuo premio, guadagnare soldi, soldi facili, conto sospeso, conto bloccato, senza ricetta, prestito immediato',
  'heeft gewonnen, snel geld, rekening geblokkeerd, account geblokkeerd, zonder recept',
];
const WEAK = [
  'click here, click below, click now, order now, buy now, limited time, limited offer, last chance, hurry up, exclusive deal',
  'verify your, confirm your, update your, your password, your identity, your parcel, not delivered, be delivered, pay the, money back',
  'lowest price, best price, best prices, congratulations you, special promotion, special offer, free trial, free gift, urgent reply',
  'pre approved, no credit, credit score, quick cash, for free, act fast, too late, while stocks, supplies last, cheap watches, earn up',
  'per week, per day, days only, bank details, details changed, within hours, final notice, the late, the fee, your contacts, search results',
  'first page, search engine, saw your, came across, your website',
  'hier klicken, klicken sie, jetzt klicken, jetzt kaufen, jetzt bestellen, jetzt sichern, geld sichern, nur heute, letzte chance, vorrat reicht',
  'gratis versand, bestätigen sie, stark reduziert, prozent reduziert, jetzt zugreifen, ihr paket, in stunden, innerhalb stunden',
  'cliquez ici, offre limitée, offre spéciale, dernière chance, commandez maintenant, achetez maintenant, confirmez votre, vérifiez votre',
  'votre colis, de douane, la douane, réglez les, sous heures',
  'haga clic, clic aquí, compre ahora, compra ahora, oferta limitada, oferta especial, última oportunidad, solo hoy, sólo hoy, verifique su',
  'confirme su, actualice su, su paquete, mejor precio, reclamar su, de horas, clique aqui, compre agora, última chance, só hoje, seu pacote',
  'clicca qui, acquista ora, offerta limitata, ultima occasione, solo oggi, tuo pacco, klik hier, bestel nu, koop nu, laatste kans, uw pakket',
];

/** The hash of a word: of its letters in lower case, as the pass over a text makes it. */
export const WORD_START = 0x811c9dc5;
export const pairOf = (first: number, second: number): number => spread(Math.imul(first, 31) ^ second);

const encoder = new TextEncoder();

function wordHash(word: string): number {
  let hash = WORD_START;
  for (const byte of encoder.encode(word)) hash = Math.imul(hash ^ (byte | 32), 0x01000193);
  return hash;
}

const points = new Map<number, number>();
/** Which low 16 bits occur, one bit for each: most pairs of words are no phrase, and need not be asked for. */
export const FILTER = new Uint8Array(0x10000 / 8);

function add(lists: readonly string[], value: number): void {
  for (const phrase of lists.flatMap((list) => list.split(', '))) {
    const [first, second] = phrase.split(' ');
    const pair = pairOf(wordHash(first!), wordHash(second!));
    points.set(pair, value);
    FILTER[(pair & 0xffff) >> 3]! |= 1 << (pair & 7);
  }
}
add(STRONG, 300);
add(WEAK, 120);

/** Points of two words side by side, for those that the filter lets through. */
export function pointsOf(pair: number): number {
  return points.get(pair) ?? 0;
}
