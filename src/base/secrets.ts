import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

/** A master secret and the number under which its rows are sealed: 1 to 255, never used twice for different secrets. */
export type MasterSecret = { version: number; secret: string };

export type Secrets = {
  /**
   * 32-byte keys for one purpose, HKDF-SHA-256 (RFC 5869), one per master secret, the current one first. Make with the
   * first; accept what any of them made.
   */
  keysFor(purpose: string): Buffer[];
  /**
   * AES-256-GCM under the current master secret: version (1 octet), nonce (12, random for each row), ciphertext, tag (16).
   * `context` names the place of the row (for example `domain/dom_…/dkim`); it is authenticated, so that a sealed value
   * copied to another row does not open there.
   */
  seal(plain: Uint8Array, context: string): Uint8Array;
  /** The plain bytes, or null where the version is unknown, the context is another one, or a bit was changed. */
  open(sealed: Uint8Array, context: string): Uint8Array | null;
  /** The version under which is sealed now. */
  readonly version: number;
  /** Puts other master secrets in place, the current one first. Keys that were asked for are made anew by who listens. */
  replace(masters: readonly MasterSecret[]): void;
  onReplaced(listener: () => void): void;
};

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** @param masters the current master secret first, then the ones it replaced. Throws on none, an empty one or a bad version. */
export function openSecrets(masters: readonly MasterSecret[]): Secrets {
  let held = hold(masters);
  const listeners: (() => void)[] = [];
  return {
    keysFor: (purpose) => held.masters.map(({ secret }) => deriveKey(secret, `use:${purpose}`)),
    seal: (plain, context) => seal(held.version, held.sealingKeys.get(held.version)!, plain, context),
    open: (sealed, context) => {
      const key = held.sealingKeys.get(sealed[0] ?? 0);
      return key === undefined ? null : open(key, sealed, context);
    },
    get version() {
      return held.version;
    },
    replace(others) {
      held = hold(others);
      for (const tell of listeners) tell();
    },
    onReplaced(listener) {
      listeners.push(listener);
    },
  };
}

type Held = { masters: readonly MasterSecret[]; version: number; sealingKeys: ReadonlyMap<number, Buffer> };

function hold(masters: readonly MasterSecret[]): Held {
  const sealingKeys = new Map<number, Buffer>();
  for (const { version, secret } of masters) {
    if (!Number.isInteger(version) || version < 1 || version > 255)
      throw new RangeError('secret version is not 1 to 255');
    if (secret === '') throw new RangeError(`master secret ${version} is empty`);
    if (sealingKeys.has(version)) throw new RangeError(`two master secrets have the version ${version}`);
    sealingKeys.set(version, deriveKey(secret, 'seal'));
  }
  const current = masters[0];
  if (current === undefined) throw new RangeError('no master secret');
  return { masters, version: current.version, sealingKeys };
}

/** By which a secret is known again, without being told: 16 octets of it in base64. */
export function markOf(secret: string): string {
  return deriveKey(secret, 'mark').subarray(0, 16).toString('base64');
}

function deriveKey(secret: string, label: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `postern:${label}`, 32));
}

function seal(version: number, key: Buffer, plain: Uint8Array, context: string): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(context));
  const body = [cipher.update(plain), cipher.final()];
  return Buffer.concat([Buffer.of(version), nonce, ...body, cipher.getAuthTag()]);
}

function open(key: Buffer, sealed: Uint8Array, context: string): Uint8Array | null {
  if (sealed.length < 1 + NONCE_BYTES + TAG_BYTES) return null;
  const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  const plain = decipher.update(sealed.subarray(1 + NONCE_BYTES, sealed.length - TAG_BYTES));
  try {
    return Buffer.concat([plain, decipher.final()]);
  } catch {
    return null; // the tag does not fit: changed, or sealed for another place
  }
}
