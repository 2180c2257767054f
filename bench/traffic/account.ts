/** An account's traffic in the making: sends in order of time, and what comes back for them. */
import type { TrafficLine } from '../../src/policy/replay.ts';
import type { Chance } from './chance.ts';
import type { Label } from './judge.ts';
import { person } from './wording.ts';

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Shares of sends that something comes back for; delays in milliseconds. */
export type Returns = {
  reply?: number;
  bounce?: number;
  complaint?: number;
  unsubscribe?: number;
  /** Class of bounces; null: the line says none. */
  class?: string | null;
};

export class Traffic {
  readonly tenant: string;
  readonly chance: Chance;
  readonly lines: TrafficLine[] = [];
  label: Label = { kind: 'legit' };
  now: number;
  private people = 0;
  private sent = 0;

  constructor(tenant: string, chance: Chance) {
    this.tenant = tenant;
    this.chance = chance;
    this.now = Date.UTC(2026, 4, 4) + chance.whole(0, 6) * DAY;
  }

  get from(): string {
    return `office@${this.tenant}.example`;
  }

  /** Someone who was not written to before. */
  stranger(): string {
    this.people += 1;
    return person(this.chance, this.people);
  }

  strangers(count: number): string[] {
    return Array.from({ length: count }, () => this.stranger());
  }

  send(
    to: string | readonly string[],
    subject: string,
    text: string,
    returns: Returns = {},
    kind: 'transactional' | 'marketing' = 'transactional',
  ): void {
    this.sent += 1;
    const list = typeof to === 'string' ? [to] : to;
    this.lines.push({
      kind: 'send',
      at: Math.floor(this.now),
      id: `${this.tenant}-${this.sent}`,
      tenant: this.tenant,
      from: this.from,
      to: list,
      subject,
      text,
      kindOfMail: kind,
      identity: null,
      agent: null,
    });
    for (const one of list) this.answer(one, returns);
  }

  private answer(
    one: string,
    { reply = 0, bounce = 0, complaint = 0, unsubscribe = 0, class: bounceClass = null }: Returns,
  ): void {
    const { chance } = this;
    if (chance.is(bounce)) {
      this.comeBack(
        'bounce',
        one,
        chance.is(0.8) ? chance.between(2 * SECOND, 90 * SECOND) : chance.between(MINUTE, 6 * MINUTE),
        bounceClass,
      );
      return;
    }
    if (chance.is(reply)) this.comeBack('reply', one, chance.between(2 * MINUTE, 20 * HOUR));
    if (chance.is(complaint)) this.comeBack('complaint', one, chance.between(5 * MINUTE, 12 * HOUR));
    if (chance.is(unsubscribe)) this.comeBack('unsubscribe', one, chance.between(5 * MINUTE, 12 * HOUR));
  }

  comeBack(
    kind: 'reply' | 'bounce' | 'complaint' | 'unsubscribe' | 'consent',
    from: string,
    afterMs: number,
    bounceClass: string | null = null,
  ): void {
    this.lines.push({ kind, at: Math.floor(this.now + afterMs), tenant: this.tenant, from, class: bounceClass });
  }

  wait(ms: number): void {
    this.now += ms;
  }

  /** The given hour of the day, so many days on. */
  goTo(daysOn: number, hour: number): void {
    this.now = Math.floor(this.now / DAY) * DAY + daysOn * DAY + hour * HOUR;
  }

  /** Gives `each` its moments through a working day, `count` of them at chance times. */
  workingDay(count: number, each: () => void): void {
    const start = Math.floor(this.now / DAY) * DAY;
    const times = Array.from({ length: count }, () => start + this.chance.between(8, 18) * HOUR).sort((a, b) => a - b);
    for (const time of times) {
      this.now = time;
      each();
    }
    this.now = start + DAY;
  }

  turnsBad(kind: 'suspicious' | 'abuse', fromNow = false): void {
    this.label = fromNow ? { kind, from: Math.floor(this.now) } : { kind };
  }
}
