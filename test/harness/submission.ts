/** A gateway that takes mail by SMTP, and nodemailer as a program that sends it. */
import { createTransport, type SendMailOptions } from 'nodemailer';
import { type Answer, startTestGateway, type TestGateway } from './gateway.ts';
import { until } from './until.ts';

export type SmtpGateway = TestGateway & {
  smtpPort: number;
  /** Sends one mail with nodemailer; rejects as nodemailer does. */
  sendMail(
    mail: SendMailOptions,
    login?: { user?: string; pass?: string },
  ): Promise<{ response: string; rejected: string[] }>;
  /** What the sink has got for an address, once it has; the newest first. */
  captured(recipient: string, count?: number): Promise<Answer['body']['data']>;
  /** The octets that went out. */
  raw(id: string): Promise<string>;
  /** How many messages there are. */
  stored(key?: string): Promise<number>;
};

export async function startSmtpGateway(environment: Record<string, string> = {}): Promise<SmtpGateway> {
  const gateway = await startTestGateway({ POSTERN_SMTP_PORT: '0', ...environment });
  const smtpPort = Number(gateway.gateway.listening.smtp!.split(':').at(-1));
  const get = async (path: string): Promise<Answer['body']> => (await gateway.fetchJson('GET', path)).body;
  return {
    ...gateway,
    smtpPort,
    async sendMail(mail, { user = 'postern', pass = gateway.testKey } = {}) {
      const transport = createTransport({
        ...{ host: '127.0.0.1', port: smtpPort, auth: { user, pass } },
        tls: { rejectUnauthorized: false },
      });
      try {
        const { response, rejected } = await transport.sendMail(mail);
        return { response, rejected: (rejected ?? []).map(String) };
      } finally {
        transport.close();
      }
    },
    async captured(recipient, count = 1) {
      const path = `/v1/sink?recipient=${encodeURIComponent(recipient)}`;
      await until(async () => (await get(path)).data.length >= count, 10_000, `mail for ${recipient}`);
      return (await get(path)).data;
    },
    async raw(id) {
      const response = await fetch(`${gateway.url}/v1/sink/${id}/raw`, {
        headers: { authorization: `Bearer ${gateway.testKey}` },
      });
      return Buffer.from(await response.arrayBuffer()).toString('latin1');
    },
    async stored(key) {
      const { body } = await gateway.fetchJson('GET', '/v1/messages', undefined, key === undefined ? {} : { key });
      return body.data.length;
    },
  };
}

/** The id that a reply names. */
export function messageIn(response: string): string {
  return /msg_[0-9a-z]+/.exec(response)?.[0] ?? '';
}
