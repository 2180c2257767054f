/**
 * The gateway's own DKIM key: made at the first start for its domain, kept sealed among the settings, and used wherever
 * the From domain has no key of its own.
 */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { Secrets } from '../base/secrets.ts';
import type { Store } from '../data/store.ts';
import { type DkimKey, dkimDnsRecord, generateDkimKey } from './dkim.ts';

const GATEWAY_SELECTOR = 'postern';

export type GatewayKey = {
  key: DkimKey;
  /** The TXT record under which the world finds the public key. */
  record: { name: string; value: string };
  /** Made just now: nobody can have published its record yet. */
  isNew: boolean;
};

/** Reads the key of this domain, or makes it. One sealed under a master secret that is gone is replaced. */
export async function openGatewayKey(
  store: Pick<Store, 'setting' | 'putSetting'>,
  secrets: Secrets,
  domain: string,
): Promise<GatewayKey> {
  const name = `dkim:${domain}`;
  const stored = await store.setting({ name });
  const opened = stored === null ? null : secrets.open(Buffer.from(stored, 'base64'), name);
  if (opened !== null) return keyOf(domain, Buffer.from(opened).toString('utf8'), false);
  const { privateKey } = await generateDkimKey('rsa');
  await store.putSetting({ name, value: Buffer.from(secrets.seal(Buffer.from(privateKey), name)).toString('base64') });
  return keyOf(domain, privateKey, true);
}

function keyOf(domain: string, pem: string, isNew: boolean): GatewayKey {
  const privateKey = createPrivateKey(pem);
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).toString('base64');
  return {
    key: { domain, selector: GATEWAY_SELECTOR, privateKey },
    record: {
      name: `${GATEWAY_SELECTOR}._domainkey.${domain}`,
      value: dkimDnsRecord({ algorithm: 'rsa', publicKey }),
    },
    isNew,
  };
}
