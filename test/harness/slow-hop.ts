/** A next hop that takes its time for each message, or never says a word. */
import { createServer, type Socket } from 'node:net';

export type SlowHop = { port: number; taken: () => number; close: () => void };

export async function startSlowHop({ answerMs, hangs }: { answerMs: number; hangs: boolean }): Promise<SlowHop> {
  const sockets = new Set<Socket>();
  let taken = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    if (hangs) return;
    let text = '';
    let isBody = false;
    const readLines = (): void => {
      for (let end = text.indexOf('\r\n'); end >= 0 && !isBody; end = text.indexOf('\r\n')) {
        isBody = text.startsWith('DATA');
        text = text.slice(end + 2);
        socket.write(isBody ? '354 go on\r\n' : '250 ok\r\n');
      }
    };
    socket.write('220 hop\r\n');
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (isBody && text.endsWith('\r\n.\r\n')) {
        setTimeout(() => {
          taken += 1;
          isBody = false;
          text = '';
          socket.write('250 taken\r\n');
        }, answerMs);
      } else readLines();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    taken: () => taken,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
