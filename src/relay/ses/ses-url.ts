/** Reads `ses://` addresses: Amazon SES in one region. */

export type SesOptions = {
  region: string;
  /** Another address than that of the region, without a slash at its end; null: the region's. */
  endpoint: URL | null;
  configurationSet: string | null;
  /** Null: where the AWS SDK finds some (environment, files, the machine's role); only for the gateway's own provider. */
  keys: { accessKeyId: string; secretAccessKey: string } | null;
  /** Requests at once. */
  maxConnections: number;
};

const DEFAULT_CONNECTIONS = 20;

/**
 * `ses://key:secret@region`. Parameters: `endpoint=` (a URL), `configuration_set=` (whose events tell of deliveries),
 * `topic=` (the SNS topic that they come from), `connections=` (at most 1,000). What is wrong comes as a sentence that never repeats a secret.
 */
export function parseSesUrl(text: string): { options: SesOptions } | { error: string } {
  if (!URL.canParse(text)) return { error: 'The SES address is not a URL; write ses://key:secret@region.' };
  const url = new URL(text);
  const region = url.hostname.toLowerCase();
  if (url.protocol !== 'ses:' || !/^[a-z]{2}(?:-[a-z]{2,12}){1,3}-\d{1,2}$/.test(region)) {
    return { error: 'The SES address must name a region, as in ses://eu-west-1.' };
  }
  if (url.port !== '' || url.pathname.replace('/', '') !== '' || url.hash !== '') {
    return { error: 'Nothing may follow the region but parameters; write %2F for / and %2B for + in a secret.' };
  }
  const keys = keysIn(url);
  if (keys !== null && 'error' in keys) return keys;
  const options: SesOptions = {
    region,
    endpoint: null,
    configurationSet: null,
    keys,
    maxConnections: DEFAULT_CONNECTIONS,
  };
  for (const [name, value] of url.searchParams) {
    const error = readParameter(options, name, value);
    if (error !== null) return { error };
  }
  return { options };
}

function keysIn({ username, password }: URL): SesOptions['keys'] | { error: string } {
  if (username === '' && password === '') return null;
  try {
    const accessKeyId = decodeURIComponent(username);
    const secretAccessKey = decodeURIComponent(password);
    if (accessKeyId === '' || secretAccessKey === '') {
      return { error: 'The SES address needs both parts of a key, ses://key:secret@region, or neither.' };
    }
    return { accessKeyId, secretAccessKey };
  } catch {
    return { error: 'Key or secret hold a % that is no escape; write %25 for %.' };
  }
}

function readParameter(options: SesOptions, name: string, value: string): string | null {
  switch (name) {
    case 'endpoint': {
      const endpoint = URL.canParse(value) ? new URL(value) : null;
      const isPlain = endpoint?.search === '' && endpoint.hash === '' && endpoint.username === '';
      if (endpoint === null || !isPlain || (endpoint.protocol !== 'https:' && endpoint.protocol !== 'http:')) {
        return 'The parameter endpoint must be an address like https://host:port.';
      }
      options.endpoint = endpoint;
      return null;
    }
    case 'configuration_set':
      options.configurationSet = value;
      return /^[A-Za-z0-9_-]{1,64}$/.test(value)
        ? null
        : 'The parameter configuration_set must be up to 64 of A-Z a-z 0-9 _ -.';
    case 'topic':
      // Where events of this provider come from: whoever takes them looks at it.
      return /^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]{1,256}$/.test(value)
        ? null
        : 'The parameter topic must be the ARN of an SNS topic.';
    case 'connections':
      options.maxConnections = /^[1-9]\d{0,2}$|^1000$/.test(value) ? Number(value) : 0;
      return options.maxConnections > 0 ? null : 'The parameter connections must be a number from 1 to 1000.';
    default:
      return 'The SES address has an unknown parameter; known are endpoint, configuration_set, topic and connections.';
  }
}
