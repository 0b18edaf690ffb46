import { once } from 'node:events';
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { parseAddress } from '../wire/addresses.ts';

/** HTTP/2 as no library would speak it: frames by hand (RFC 9113), and streams that are not read. */

export const FrameType = { Data: 0, Headers: 1, ResetStream: 3, Settings: 4, Ping: 6 } as const;
const END_HEADERS = 4;
const CANCEL = 8;

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const bytes = Buffer.alloc(9 + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, 9);
  return bytes;
}

export const PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(FrameType.Settings, 0, 0),
]);

/** A literal header field without indexing (RFC 7541, 6.2.2); both texts shorter than 127 bytes. */
const literal = (name: string, value: string) =>
  Buffer.concat([Buffer.of(0, name.length), Buffer.from(name), Buffer.of(value.length), Buffer.from(value)]);

const requestHeaders = (path: string) =>
  Buffer.concat([
    Buffer.of(0x83, 0x86),
    literal(':path', path),
    literal(':authority', 'x'),
    literal('content-type', 'application/grpc'),
    literal('te', 'trailers'),
  ]);

/** Streams that are opened and abandoned at once, numbered from `first` on. */
export function abandonedStreams(path: string, first: number, count: number): Buffer {
  const headers = requestHeaders(path);
  const code = Buffer.alloc(4);
  code.writeUInt32BE(CANCEL);
  const frames: Buffer[] = [];
  for (let i = 0; i < count; i++) {
    const stream = first + 2 * i;
    frames.push(frame(FrameType.Headers, END_HEADERS, stream, headers), frame(FrameType.ResetStream, 0, stream, code));
  }
  return Buffer.concat(frames);
}

/** Resolves with undefined where the connection is refused or ends before it is made. */
export async function dialRaw(address: string): Promise<Socket | undefined> {
  const { host, port } = parseAddress(address)!;
  const socket = connect(port, host);
  socket.on('error', () => {});
  await Promise.race([once(socket, 'connect'), once(socket, 'close')]).catch(() => {});
  return socket.destroyed ? undefined : socket;
}

/** A client that lets the server send nothing: its window is shut. */
export async function dialUnread(address: string): Promise<ClientHttp2Session> {
  const session = http2.connect(`http://${address}`, { settings: { initialWindowSize: 0 } });
  session.on('error', () => {});
  await Promise.race([
    once(session, 'connect').catch(() => {}),
    new Promise((resolve) => setTimeout(resolve, 3000).unref()),
  ]);
  return session;
}

export function openCall(
  session: ClientHttp2Session,
  path: string,
  headers: Record<string, string> = {},
): ClientHttp2Stream | undefined {
  if (session.closed || session.destroyed) return undefined;
  const call = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  call.on('error', () => {});
  return call;
}

/** A gRPC message; `announced` is the length that its prefix tells. */
export function grpcMessage(body: Uint8Array, announced = body.length, compressed = false): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = compressed ? 1 : 0;
  prefix.writeUInt32BE(announced, 1);
  return Buffer.concat([prefix, body]);
}
