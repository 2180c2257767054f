/** Policies in force by version, compiled once: answers show limits by the policy that decided. */
import type { Store } from '../data/store.ts';
import { compilePolicy, type Policy } from '../policy/document.ts';

const MOST_KEPT = 1000;

export class Policies {
  private readonly known = new Map<number, Policy>();
  private readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  /** One that was read already. */
  at(version: number): Policy | undefined {
    return this.known.get(version);
  }

  /** Versions never change, so one that was read is kept. */
  get(version: number): Policy | Promise<Policy> {
    return this.known.get(version) ?? this.read(version);
  }

  private async read(version: number): Promise<Policy> {
    const found = await this.store.policyVersion({ version });
    if (found === null) throw new Error(`policy version ${version} is not stored`);
    const policy = compilePolicy(version, found.document);
    if (this.known.size >= MOST_KEPT) this.known.clear();
    this.known.set(version, policy);
    return policy;
  }
}
