/** Key pairs for sender domains: made one after another, however many ask, and sealed before they reach the store. */
import type { Secrets } from '../base/secrets.ts';
import type { DkimAlgorithm } from '../core/sender-records.ts';
import { keyContext, type NewDomainKey } from '../data/port/domains.ts';

/** Makes a pair away from the event loop: the private key as PEM, the public one as the p= tag has it. */
export type MakeKeyPair = (algorithm: DkimAlgorithm) => Promise<{ privateKey: string; publicKey: string }>;

export class DomainKeyMaker {
  readonly #secrets: Secrets;
  readonly #make: MakeKeyPair;
  /** RSA takes a fifth of a second of a thread that signing waits for too. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(secrets: Secrets, make: MakeKeyPair) {
    this.#secrets = secrets;
    this.#make = make;
  }

  /** One key an algorithm, for one generation of one domain. */
  pairFor(domainId: string, generation: number): Promise<NewDomainKey[]> {
    const made = this.#last.then(async () => [
      await this.#sealed('rsa', domainId, generation),
      await this.#sealed('ed25519', domainId, generation),
    ]);
    this.#last = made.catch(() => undefined);
    return made;
  }

  async #sealed(algorithm: DkimAlgorithm, domainId: string, generation: number): Promise<NewDomainKey> {
    const { privateKey, publicKey } = await this.#make(algorithm);
    const sealed = this.#secrets.seal(Buffer.from(privateKey), keyContext(domainId, generation, algorithm));
    return { algorithm, publicKey, sealed };
  }
}
