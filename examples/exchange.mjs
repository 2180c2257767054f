/**
 * What the scripts beside this one share: an account of their own at a gateway that runs here, and exchanges printed as they go.
 * Start one with `npm start`; POSTERN_URL and POSTERN_OPERATOR_KEY name another.
 */
import { readFileSync } from 'node:fs';

const url = process.env.POSTERN_URL ?? 'http://127.0.0.1:8480';

function operatorKey() {
  if (process.env.POSTERN_OPERATOR_KEY !== undefined) return process.env.POSTERN_OPERATOR_KEY;
  const path = `${process.env.POSTERN_DATA_DIR ?? './data'}/operator.key`;
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    console.error(`There is no operator's key in ${path}: start the gateway here first, or set POSTERN_OPERATOR_KEY.`);
    process.exit(1);
  }
}

/** An answer as a value; `body` is JSON where it is some. */
export async function ask(key, method, path, body, headers = {}) {
  const response = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body && { 'content-type': 'application/json' }), ...headers },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) };
}

export async function asOperator(method, path, body, headers) {
  const answer = await ask(operatorKey(), method, path, body, headers);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

/** A new account with a policy for both modes and a key of a mode. */
export async function openAccount(name, { mode = 'test', policy = {}, ...tenant } = {}) {
  const { id } = await asOperator('POST', '/v1/tenants', { name, ...tenant });
  await asOperator('PUT', `/v1/tenants/${id}/policy`, policy, { 'X-Mode': mode });
  const scopes = ['send', 'read', 'manage'];
  const { key } = await asOperator('POST', `/v1/tenants/${id}/keys`, { mode, scopes, name });
  return { id, key };
}

export function say(text) {
  console.log(`\n# ${text}`);
}

/** Prints a request and its answer: these headers, and these fields of the body. */
export function show(method, path, sent, answer, { headers = [], fields = null } = {}) {
  console.log(`\n${method} ${path}${sent === undefined ? '' : `\n${JSON.stringify(sent)}`}`);
  console.log(`-> ${answer.status}`);
  for (const name of headers) {
    const value = answer.headers.get(name);
    if (value !== null) console.log(`   ${name}: ${value}`);
  }
  const kept = fields === null ? answer.body : Object.fromEntries(fields.map((field) => [field, answer.body[field]]));
  console.log(JSON.stringify(kept, null, 2));
}
