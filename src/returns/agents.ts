/** Who fetches by itself, as data (agents.toml beside this file), and the reading of one request by it. Linear in the User-Agent. */
import { readFileSync } from 'node:fs';
import { parse } from 'smol-toml';

export type Agent = { name: string; is: 'machine' | 'proxied'; any: string[]; exact: string[]; examples: string[] };

/** What a request says of who made it; `why` names what told a machine, or whose proxy it came through. */
export type Visitor = { isMachine: boolean; why: string | null };

/** Of a request, as far as it tells who made it. */
export type Visit = { method: string; userAgent: string | null; purpose: string | null };

const MAX_CHARS = 500;

let loaded: readonly Agent[] | null = null;

export function agents(): readonly Agent[] {
  loaded ??= parseAgents(readFileSync(new URL('agents.toml', import.meta.url), 'utf8'));
  return loaded;
}

/** @throws TypeError naming the rule that cannot be read. */
export function parseAgents(toml: string): Agent[] {
  const { agent: rules } = parse(toml) as { agent?: unknown };
  if (!Array.isArray(rules)) throw new TypeError('there are no agents');
  return rules.map((rule: Record<string, unknown>, i) => {
    const texts = (name: string): string[] => {
      const value = rule[name] ?? [];
      const isList = Array.isArray(value) && value.every((one) => typeof one === 'string' && one !== '');
      if (!isList) throw new TypeError(`agent ${i}: ${name} is no list of texts`);
      return value as string[];
    };
    const { name, is } = rule;
    if (typeof name !== 'string' || (is !== 'machine' && is !== 'proxied'))
      throw new TypeError(`agent ${i} is not whole`);
    const read = { name, is, any: texts('any'), exact: texts('exact'), examples: texts('examples') } as const;
    if (read.any.length + read.exact.length === 0) throw new TypeError(`agent ${name} fits nothing`);
    return { ...read, any: read.any.map((one) => one.toLowerCase()) };
  });
}

export function judgeVisitor({ method, userAgent, purpose }: Visit, rules: readonly Agent[]): Visitor {
  if (method !== 'GET') return { isMachine: true, why: 'head' };
  if (purpose !== null && /prefetch|preview|prerender/i.test(purpose.slice(0, 100))) {
    return { isMachine: true, why: 'prefetch' };
  }
  const agent = (userAgent ?? '').slice(0, MAX_CHARS).trim();
  if (agent === '') return { isMachine: true, why: 'no_user_agent' };
  const lower = agent.toLowerCase();
  const rule = rules.find((one) => one.exact.includes(agent) || one.any.some((word) => lower.includes(word)));
  return rule === undefined ? { isMachine: false, why: null } : { isMachine: rule.is === 'machine', why: rule.name };
}
