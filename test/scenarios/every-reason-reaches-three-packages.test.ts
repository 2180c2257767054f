/** Each refusal of the catalogue, as the official packages of Resend, Postmark and SendGrid hand it to a program. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import sendgridClient from '@sendgrid/client';
import sendgridMail from '@sendgrid/mail';
import { Errors, ServerClient } from 'postmark';
import { Resend } from 'resend';
import { REASON_CODES, REASONS } from '../../src/core/reasons.ts';
import { PLAIN_FIXES } from '../../src/intake/faces/face.ts';
import { wordsOf } from '../../src/intake/faces/index.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

const FROM = 'hello@acme.example';
const REFUSALS = REASON_CODES.filter((code) => REASONS[code].http !== null);

/** Two answers of one moment differ in their times. */
const timeless = (text: string): string => text.replace(/\d{4}-\d{2}-\d{2}T[\d:.]+Z|[\w-]*\d{2}:\d{2}[\w:]*/g, 'TIME');

/** In the status line of HTTP. */
const inAscii = (text: string): string => text.replaceAll('…', '...').replaceAll('’', "'");

/** What the package throws for a status. */
const POSTMARK_ERRORS: Readonly<Record<number, new (...args: never[]) => Errors.HttpError>> = {
  401: Errors.InvalidAPIKeyError,
  422: Errors.ApiInputError,
  429: Errors.RateLimitExceededError,
  500: Errors.InternalServerError,
  503: Errors.ServiceUnavailablerError,
};

describe('every reason', () => {
  let gateway: TestGateway;
  let resend: Resend;
  let postmark: ServerClient;

  before(async () => {
    gateway = await startTestGateway();
    resend = new Resend(gateway.testKey, { baseUrl: `${gateway.url}/compat/resend` });
    const requestHost = `${new URL(gateway.url).host}/compat/postmark`;
    postmark = new ServerClient(gateway.testKey, { requestHost, useHttps: false });
    sendgridClient.setApiKey(gateway.testKey);
    sendgridClient.setDefaultRequest('baseUrl', `${gateway.url}/compat/sendgrid/`);
    sendgridMail.setClient(sendgridClient);
  });
  after(() => gateway.stop());

  for (const code of REFUSALS) {
    test(`${code} is an error of each package, whose message says what happened and what to do`, async () => {
      const to = `blocked+${code}@simulator.postern.test`;
      const native = await gateway.fetchJson('POST', '/v1/messages', { from: FROM, to, subject: 's', text: 't' });
      const { detail, fix: nativeFix, clears } = native.body as { detail: string; fix: string; clears: { at: string } };
      // These clients have no field for what the native advice says, and read the time in the sentence.
      const plainFix: string | undefined = PLAIN_FIXES[code as keyof typeof PLAIN_FIXES];
      const fix = (plainFix ?? nativeFix).replaceAll('`clears.at`', clears.at ?? '`clears.at`');
      const says = (message: string, parts: readonly string[]) => {
        for (const part of parts) {
          assert.ok(
            timeless(message).includes(timeless(part)),
            `${JSON.stringify(part)} is not in ${JSON.stringify(message)}`,
          );
        }
      };

      const { data, error } = await resend.emails.send({ from: FROM, to, subject: 's', text: 't' });
      assert.equal(data, null);
      assert.deepEqual(
        [error!.name, error!.statusCode],
        [wordsOf(code)['resend']!.word, wordsOf(code)['resend']!.http],
      );
      says(error!.message, [detail, fix]);

      const sent = postmark.sendEmail({ From: FROM, To: to, Subject: 's', TextBody: 't' });
      await assert.rejects(sent, (thrown: Errors.HttpError) => {
        const { word, http } = wordsOf(code)['postmark']!;
        assert.ok(thrown instanceof (POSTMARK_ERRORS[http] ?? Errors.HttpError), thrown.name);
        assert.deepEqual([thrown.code, thrown.statusCode], [word, http]);
        says(thrown.message, code === 'authentication_required' ? [detail, 'X-Postmark-Server-Token'] : [detail, fix]);
        return true;
      });

      const mailed = sendgridMail.send({ from: FROM, to, subject: 's', text: 't' });
      await assert.rejects(mailed, (thrown: Error & { code: number; response: { body: unknown } }) => {
        const { http } = wordsOf(code)['sendgrid']!;
        assert.equal(thrown.code, http);
        const { errors } = thrown.response.body as { errors: { message: string; help: string }[] };
        says(errors[0]!.message, [detail, fix]);
        assert.ok(errors[0]!.help.endsWith(`/docs/reasons/${code}`));
        says(thrown.message, [inAscii(detail), inAscii(fix)]);
        return true;
      });
    });
  }
});
