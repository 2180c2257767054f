/** The sink: mail that stays here, where it can be read over the API. It takes everything, after the look before the dot. */
import type { Claimed, Store } from '../../data/store.ts';
import type { Carrier, RemoteReply } from './transport.ts';

const KEPT: RemoteReply = { code: 250, enhanced: '2.0.0', text: 'kept in the sink' };

/** The sink for one claimed recipient. */
export function sinkFor(
  store: Pick<Store, 'capture'>,
  { recipient, token }: Pick<Claimed, 'recipient' | 'token'>,
): Carrier {
  return {
    async deliver({ from, to, content, beforeDot }) {
      if (!(await beforeDot())) return { outcome: 'stopped' };
      const isKept = await store.capture({ recipient, token, from, to, raw: content });
      return isKept ? { outcome: 'taken', reply: KEPT } : { outcome: 'stopped' };
    },
  };
}
