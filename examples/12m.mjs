/**
 * An identity at its cap, in 12m's words: it sends until its day is used up, learns who else has room and when it may go on, and a
 * request that is repeated with its key answers as before instead of sending again.
 *
 *   npm start            # in one terminal
 *   node examples/12m.mjs
 */
import { ask, openAccount, say, show } from './exchange.mjs';

const HANDLE = 'sales.acme@inboxbase.test';
const IDENTITY = `/compat/12m/v1/identities/${encodeURIComponent(HANDLE)}`;
const SEND = `${IDENTITY}/send`;
const headers = ['Idempotent-Replayed', 'Retry-After', 'RateLimit', 'X-Postern-Reason'];

const { key } = await openAccount('Outreach');
for (const [handle, daily_cap] of [
  [HANDLE, 2],
  ['support.acme@inboxbase.test', 150],
]) {
  const made = await ask(key, 'POST', '/v1/identities', {
    handle,
    from: `${handle.split('@')[0]}@acme.example`,
    daily_cap,
  });
  if (made.status !== 201) throw new Error(JSON.stringify(made.body));
}

say('Two messages: the cap of the identity.');
const first = { to: 'kim@buyer.example', subject: 'Your quote', text: 'Here it is.', labels: ['campaign:spring'] };
const once = { 'Idempotency-Key': 'lead-7:1' };
const sent = await ask(key, 'POST', SEND, first, once);
show('POST', SEND, first, sent, { headers });
const second = { to: 'lee@buyer.example', subject: 'Your quote', text: 'Here it is.' };
show('POST', SEND, second, await ask(key, 'POST', SEND, second), {
  headers,
  fields: ['accepted', 'convId', 'remaining'],
});

say('A third is refused: until midnight, or with another identity.');
const third = { ...second, to: 'max@buyer.example' };
show('POST', SEND, third, await ask(key, 'POST', SEND, third), { headers });

say('The first again, with its key: nothing is sent, the answer is the first one.');
show('POST', SEND, first, await ask(key, 'POST', SEND, first, once), { headers, fields: ['accepted', 'convId'] });

say('The key with another body.');
const other = { ...first, text: 'Something else.' };
show('POST', SEND, other, await ask(key, 'POST', SEND, other, once), { headers });

say('The queued form waits for tomorrow instead.');
const queued = await ask(key, 'POST', SEND, third, { 'X-Inboxbase-Shape': 'queued' });
show('POST', SEND, third, queued, { headers });

say('The conversation, and what happened.');
const { convId } = sent.body;
const conversation = `${IDENTITY}/conversations/${convId}`;
show('GET', conversation, undefined, await ask(key, 'GET', conversation));
const events = `${IDENTITY}/events?since=0&timeoutMs=2000`;
const { body } = await ask(key, 'GET', events);
console.log(`\nGET ${events}`);
for (const { seq, type, tsIso, data } of body.events) console.log(`   ${seq}  ${tsIso}  ${type}  ${data.recipient}`);
