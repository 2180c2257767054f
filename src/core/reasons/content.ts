/**
 * Reasons about what is sent: the template and the finished content. Order is precedence.
 *
 * Deliberately absent: the planted secret itself in the evidence of `canary_leaked`; it names the canary, never its text.
 */

import { exampleId, type ReasonEntry } from './entry.ts';

const TEMPLATE_PROBLEM =
  'The message was not sent, because there is a problem with its template. Please contact the support of the app.';

const TEMPLATE_SCOPE = { kind: 'template', id: exampleId('tpl') } as const;

export const CONTENT = {
  template_not_found: {
    code: 'template_not_found',
    title: 'Template not found',
    category: 'content',
    http: 422,
    smtp: { reply: 554, enhanced: '5.6.0' },
    retryable: false,
    clearsBy: ['caller'],
    clearsAt: 'No time; it passes once the template exists.',
    fault: 'caller',
    detail: 'There is no [template "{template}"|such template][ in version {version}] in this tenant and mode.',
    fix: 'Use the slug and version of a template that exists in this mode, or create it.',
    explanation:
      'The template or the version named in the request does not exist. Templates of live and test mode are separate: one made with a test key is not there for a live key. `GET /v1/templates` lists what exists.',
    customerMessage: TEMPLATE_PROBLEM,
    evidence: { template: 'the slug or id that was asked for', version: 'the version that was asked for' },
    example: ({ tenant }) => ({ scope: tenant, clearsAt: null, evidence: { template: 'quote-ready', version: 3 } }),
  },
  template_not_approved: {
    code: 'template_not_approved',
    title: 'Template not approved',
    category: 'content',
    http: 403,
    smtp: { reply: 554, enhanced: '5.7.1' },
    retryable: false,
    clearsBy: ['tenant'],
    clearsAt: 'No time; a person must approve the version.',
    fault: 'tenant',
    detail:
      'The template[ "{template}"][ in version {version}] is not approved as it would be sent[ (state: {state})], and the policy requires it.',
    fix: 'Submit the template and have a person approve it, or use a version that is approved.',
    explanation:
      'The policy of this tenant sends approved templates only. Approval is given to one version: an edited template is a new draft and needs approval again, and a send that brings a subject or a body of its own is not what was approved. Where no version is named, the newest approved one is used. A person approves it with a key that has `approve`.',
    customerMessage:
      'The message was not sent, because its template has not been approved yet. Please ask your administrator.',
    evidence: {
      template: 'the slug of the template',
      version: 'its version',
      state: '`draft`, `submitted` or `rejected`; `overridden` where the send replaces a part of an approved one',
    },
    example: () => ({
      scope: TEMPLATE_SCOPE,
      clearsAt: null,
      evidence: { template: 'quote-ready', version: 3, state: 'draft' },
    }),
  },
  template_lint_failed: {
    code: 'template_lint_failed',
    title: 'Template check failed',
    category: 'content',
    http: 422,
    smtp: { reply: 554, enhanced: '5.6.0' },
    retryable: false,
    clearsBy: ['caller'],
    clearsAt: 'No time; the template must change.',
    fault: 'caller',
    detail: 'The template[ "{template}"][ in version {version}] fails its check[: {findings}].',
    fix: 'Correct the findings; `POST /v1/templates/{id}/lint` lists them with their places.',
    explanation:
      'The template breaks a rule that the policy treats as an error, such as a spam phrase, a missing text part or a link without https. Findings the policy treats as warnings do not block. Run the lint route after each change, before sending.',
    customerMessage: TEMPLATE_PROBLEM,
    evidence: {
      template: 'the slug of the template',
      version: 'its version',
      findings: 'the rules it breaks',
    },
    example: () => ({
      scope: TEMPLATE_SCOPE,
      clearsAt: null,
      evidence: { template: 'quote-ready', version: 3, findings: ['spam_phrase'] },
    }),
  },
  template_render_failed: {
    code: 'template_render_failed',
    title: 'Template could not be rendered',
    category: 'content',
    http: 422,
    smtp: { reply: 554, enhanced: '5.6.0' },
    retryable: false,
    clearsBy: ['caller'],
    clearsAt: 'No time; the data or the template must change.',
    fault: 'caller',
    detail:
      'The template[ "{template}"][ in version {version}] could not be filled in[: {message}|: {problem} ("{variable}")|: {problem}][, {part}][, line {line}][, column {column}].',
    fix: 'Send `template.data` with every variable the template uses, in the type it expects.',
    explanation:
      'The template and the data do not fit together: a variable is missing or has the wrong type, or a loop or the result goes beyond a bound. Nothing is sent with gaps in it. The evidence names the part, the line and the column. `POST /v1/templates/{id}/render` shows the result for given data and sends nothing.',
    customerMessage: TEMPLATE_PROBLEM,
    words: {
      problem: {
        missing_variable: 'a variable is missing',
        wrong_type: 'a variable has the wrong type',
        syntax: 'the template has a syntax error',
        too_large: 'the result is too large',
        bad_subject: 'the subject cannot be one',
      },
      part: { subject: 'in the subject', html: 'in the HTML', text: 'in the text' },
    },
    evidence: {
      template: 'the slug of the template',
      version: 'its version',
      problem: '`missing_variable`, `wrong_type`, `syntax`, `too_large` or `bad_subject`',
      variable: 'the variable concerned',
      part: '`subject`, `html` or `text`; absent where the data as a whole are meant',
      line: 'the line in that part, from 1',
      column: 'the column in that line, from 1',
      message: 'what the template engine says',
    },
    example: () => ({
      scope: TEMPLATE_SCOPE,
      clearsAt: null,
      evidence: {
        template: 'quote-ready',
        version: 3,
        problem: 'missing_variable',
        part: 'html',
        variable: 'customer.first_name',
        line: 4,
        column: 12,
        message: 'there is no customer.first_name in the data',
      },
    }),
  },
  content_rejected: {
    code: 'content_rejected',
    title: 'Content rejected',
    category: 'content',
    http: 422,
    smtp: { reply: 554, enhanced: '5.7.1' },
    retryable: false,
    clearsBy: ['caller'],
    clearsAt: 'No time; the content must change.',
    fault: 'caller',
    detail: 'The content looks like spam or is unsafe[: {found}][ (score {score}, threshold {threshold})].',
    fix: 'Change or remove what the evidence names, then send again.',
    explanation:
      'The content has traits of spam, fraud or an attack. The evidence names each thing that was found; text and structure alone are looked at, attachments and links are not scanned. Sending the same text again gives the same answer, and small changes made only to get past the check are a bad sign for your reputation. If the content is legitimate, ask the operator to look at it.',
    customerMessage:
      'The message was not sent, because its content looks like spam or is unsafe. Please change the text and try again.',
    evidence: {
      found: 'what was found: each with its name, where it stands (`subject`, `text`, `html`) and its weight',
      score: 'the content score',
      threshold: 'the score at which content is rejected',
    },
    example: ({ tenant }) => ({
      scope: tenant,
      clearsAt: null,
      evidence: {
        found: [
          { name: 'brand_link_mismatch', where: 'html', weight: 10 },
          { name: 'hidden_text', where: 'html', weight: 2 },
        ],
        score: 12,
        threshold: 10,
      },
    }),
  },
  canary_leaked: {
    code: 'canary_leaked',
    title: 'Secret marker in the content',
    category: 'content',
    http: 422,
    smtp: { reply: 554, enhanced: '5.7.1' },
    retryable: false,
    clearsBy: ['caller'],
    clearsAt: 'No time; the content must change.',
    fault: 'caller',
    detail: 'The canary[ "{canary}"] stands in the [{part} of the message|message][ (agent {agent})].',
    fix: 'Stop the agent, find out how its private context came into the message, and do not send this text.',
    explanation:
      "A canary is a secret marker planted in an agent's private context. It stands in this message, so text from that context was about to leave, perhaps because somebody tricked the agent with a prompt. The message was stopped. Treat it as an incident: other texts of this agent may hold private data without the marker.",
    customerMessage:
      'The message was stopped, because it contains internal information that must not be sent. Please contact support.',
    words: { part: { subject: 'subject', text: 'text', html: 'HTML', attachment: 'attachment', headers: 'headers' } },
    evidence: {
      canary: 'the name of the canary, never its text',
      part: '`subject`, `text`, `html`, `attachment` or `headers`',
      agent: 'the agent that sent it',
    },
    example: ({ tenant }) => ({
      scope: tenant,
      clearsAt: null,
      evidence: { canary: 'crm-context', part: 'text', agent: 'outreach-1' },
    }),
  },
} as const satisfies Record<string, ReasonEntry>;
