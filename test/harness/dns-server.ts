/** A name server for tests (RFC 1035 §4): answers from a table, over UDP on loopback. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIP } from 'node:net';

export type Zone = Record<string, { A?: string[]; MX?: string[]; TXT?: string[]; PTR?: string[] }>;

const TYPES: Record<number, 'A' | 'MX' | 'TXT' | 'PTR'> = { 1: 'A', 12: 'PTR', 15: 'MX', 16: 'TXT' };
const NAME_ERROR = 3;

export type DnsServer = { address: string; zone: Zone; close: () => Promise<void> };

export async function startDnsServer(zone: Zone): Promise<DnsServer> {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => socket.send(answer(query, zone), from.port, from.address));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const close = async (): Promise<void> => {
    socket.close();
    await once(socket, 'close');
  };
  return { address: `127.0.0.1:${socket.address().port}`, zone, close };
}

function answer(query: Buffer, zone: Zone): Buffer {
  const { name, end } = readName(query, 12);
  const type = query.readUInt16BE(end);
  const known = zone[name.toLowerCase()];
  const kind = TYPES[type];
  const records = (kind === undefined ? [] : (known?.[kind] ?? [])).map((value) => {
    const data = dataOf(kind!, value);
    const head = Buffer.alloc(12);
    // The name is that of the question, at octet 12.
    head.writeUInt16BE(0xc00c, 0);
    head.writeUInt16BE(type, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt32BE(60, 6);
    head.writeUInt16BE(data.length, 10);
    return Buffer.concat([head, data]);
  });
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8180 | (known === undefined ? NAME_ERROR : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  return Buffer.concat([header, query.subarray(12, end + 4), ...records]);
}

function readName(query: Buffer, from: number): { name: string; end: number } {
  const labels: string[] = [];
  let at = from;
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.'), end: at + 1 };
}

function dataOf(kind: 'A' | 'MX' | 'TXT' | 'PTR', value: string): Buffer {
  if (kind === 'A' && isIP(value) === 4) return Buffer.from(value.split('.').map(Number));
  if (kind === 'TXT') {
    const parts = value.match(/.{1,255}/gs) ?? [''];
    return Buffer.concat(parts.map((part) => Buffer.concat([Buffer.from([part.length]), Buffer.from(part, 'latin1')])));
  }
  const name = Buffer.concat([
    ...value.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
    Buffer.from([0]),
  ]);
  return kind === 'MX' ? Buffer.concat([Buffer.from([0, 10]), name]) : name;
}
