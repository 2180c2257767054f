/** A disk that is full, as a mail server that submits sees it: it keeps its mail, and is rid of it once there is room. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { mountSmallDisk } from '../harness/small-disk.ts';
import { messageIn, startSmtpGateway } from '../harness/submission.ts';

const mounted = mountSmallDisk(48);
const skip = 'reason' in mounted ? mounted.reason : false;
const disk = 'disk' in mounted ? mounted.disk : null;

it('answers 452 while the disk is full and takes the same mail afterwards', { skip, timeout: 120_000 }, async (t) => {
  t.after(() => disk!.remove());
  const gateway = await startSmtpGateway({ POSTERN_DATA_DIR: disk!.directory, POSTERN_ROLE: 'api' });
  t.after(() => gateway.stop());
  const text = 'A sentence that takes some room. '.repeat(1200);
  const accepted: string[] = [];
  const send = async (more: object = {}): Promise<string> => {
    const to = `p${accepted.length}@example.com`;
    try {
      const { response } = await gateway.sendMail({ from: 'a@acme.example', to, subject: 'full', text, ...more });
      accepted.push(messageIn(response));
      return response;
    } catch (fault) {
      return (fault as { response?: string }).response ?? String(fault);
    }
  };
  assert.match(await send(), /^250 2\.0\.0 Accepted as msg_/);
  const free = disk!.fill(2 * 1024 * 1024);
  let reply = '';
  for (let i = 0; i < 200 && !/^4/.test(reply); i += 1) reply = await send();
  assert.match(reply, /^452 4\.3\.1 service_unavailable: /);
  const file = { filename: 'a.bin', content: Buffer.alloc(4 * 1024 * 1024, 1) };
  assert.match(await send({ text: 'x', attachments: [file] }), /^452 4\.3\.1 service_unavailable: /);
  for (let i = 0; i < 10; i += 1) assert.match(await send(), /^45[12] 4\.3\.\d /);
  free();
  for (let i = 0; i < 100 && !/^250/.test(reply); i += 1) reply = await send();
  assert.match(reply, /^250/);
  for (const id of accepted) assert.equal((await gateway.fetchJson('GET', `/v1/messages/${id}`)).status, 200, id);
});
