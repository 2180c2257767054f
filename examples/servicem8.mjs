/**
 * The story behind 440, in ServiceM8's words: an add-on repeats itself, is warned while its messages still go out, is stopped for mail
 * and text messages alike, reads why, appeals with the messageID it was given, and is released.
 *
 *   npm start            # in one terminal
 *   node examples/servicem8.mjs
 */
import { ask, asOperator, openAccount, say, show } from './exchange.mjs';

const EMAIL = '/compat/servicem8/platform_service_email';
const TEXT = '/compat/servicem8/platform_service_sms';
const QUOTA = ['X-SM8-Quota-Limit', 'X-SM8-Quota-Remaining', 'X-SM8-Quota-Reset', 'X-Risk-Level', 'X-Postern-Reason'];
const TOLD = ['errorCode', 'message', 'messageID', 'submittedAt'];

const { key } = await openAccount('Job add-on', {
  policy: { limits: [{ name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 500 }] },
});

say('The same short message to one client, again and again.');
let answer;
let isWarned = false;
for (let n = 1; n <= 30; n += 1) {
  const email = { to: 'pat@client.example', subject: 'Reminder', textBody: `Reminder ${n}` };
  answer = await ask(key, 'POST', EMAIL, email);
  if (n === 1) show('POST', EMAIL, email, answer, { headers: QUOTA });
  const warning = answer.body.warnings?.find(({ code }) => code === 'quarantine_approaching');
  if (warning !== undefined && !isWarned) {
    isWarned = true;
    say(`Message ${n} goes out, with a warning: ${warning.detail}`);
    console.log(`  What to do: ${warning.fix}`);
  }
  if (answer.status !== 200) {
    say(`Message ${n} is refused.`);
    show('POST', EMAIL, email, answer, {
      headers: QUOTA,
      fields: [...TOLD, 'detail', 'fix', 'clears', 'customer_message', 'evidence'],
    });
    break;
  }
}

say('Text messages are refused alike.');
const text = { to: '+61400000001', message: 'On my way.' };
show('POST', TEXT, text, await ask(key, 'POST', TEXT, text), { headers: QUOTA, fields: TOLD });

say('An appeal names the message by the id that came with the refusal.');
const appeal = { statement: 'A loop in our add-on; it is mended.', message_id: answer.body.messageID };
const filed = await ask(key, 'POST', '/v1/quarantine/appeals', appeal);
show('POST', '/v1/quarantine/appeals', appeal, filed, { fields: ['id', 'state', 'message_id', 'since'] });

say('The operator looks at it and lets the account go on.');
await asOperator('POST', `/v1/quarantines/${filed.body.quarantine_id}/release`, { note: 'Mended.', held: 'drop' });
show('POST', TEXT, text, await ask(key, 'POST', TEXT, text), { headers: QUOTA, fields: [...TOLD, 'quota'] });

say('All codes.');
const codes = await ask(key, 'GET', '/compat/servicem8/error_codes');
for (const { errorCode, http, message, reason } of codes.body.data) {
  console.log(`${String(errorCode).padStart(6)}  HTTP ${http}  ${message}  (${reason})`);
}
