/** `postern keys`: create, list and revoke API keys without an operator's key. */
import type { KeyScope } from '../data/store.ts';
import { ask } from './ask.ts';
import { print, readOptions, usage } from './options.ts';

const HELP = `Usage: postern keys create --mode live|test [--scopes send,read,manage] [--name NAME] [--tenant ten_…] [--json]
       postern keys list [--tenant ten_…] [--json]
       postern keys revoke key_… [--json]

Without --tenant the first tenant is meant. Scopes: send, read, manage, approve. A new key is shown once.
`;

const SCOPES: readonly KeyScope[] = ['send', 'read', 'manage', 'approve'];

export async function keysCommand(args: string[]): Promise<number> {
  const options = {
    mode: { type: 'string' },
    scopes: { type: 'string' },
    name: { type: 'string' },
    tenant: { type: 'string' },
  } as const;
  const given = readOptions(args, options, HELP);
  if (typeof given === 'number') return given;
  const { values, positionals } = given;
  const tenant = typeof values['tenant'] === 'string' ? values['tenant'] : null;
  const json = values['json'] === true;
  switch (positionals[0]) {
    case 'create': {
      const mode = values['mode'];
      if (mode !== 'live' && mode !== 'test') return usage('--mode must be live or test.', HELP);
      const scopes = String(values['scopes'] ?? 'send,read,manage').split(',') as KeyScope[];
      const wrong = scopes.find((scope) => !SCOPES.includes(scope));
      if (wrong !== undefined) return usage(`--scopes has "${wrong}", and knows ${SCOPES.join(', ')}.`, HELP);
      const name = typeof values['name'] === 'string' ? values['name'] : null;
      const reply = await ask({ command: 'keys.create', tenant, mode, scopes, name });
      return typeof reply === 'number' ? reply : print(reply, json, (output: { key: string }) => output.key);
    }
    case 'list': {
      const reply = await ask({ command: 'keys.list', tenant });
      return typeof reply === 'number' ? reply : print(reply, json, listText);
    }
    case 'revoke': {
      const id = positionals[1];
      if (id === undefined) return usage('name the key to revoke by its id.', HELP);
      const reply = await ask({ command: 'keys.revoke', id });
      return typeof reply === 'number' ? reply : print(reply, json, () => `${id} is revoked.`);
    }
    default:
      return usage('say create, list or revoke.', HELP);
  }
}

type Listed = {
  id: string;
  prefix: string;
  mode: string;
  scopes: string[];
  name: string | null;
  revoked_at: string | null;
};

function listText({ data }: { data: Listed[] }): string {
  const line = (key: Listed): string =>
    `${key.id}  ${key.prefix}…  ${key.mode}  ${key.scopes.join(',')}  ${key.name ?? ''}${key.revoked_at === null ? '' : '  (revoked)'}`;
  return data.length === 0 ? 'No keys.' : data.map(line).join('\n');
}
