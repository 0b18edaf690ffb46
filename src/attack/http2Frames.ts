import { once } from 'node:events';
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { parseAddress } from '../net/endpoints/addresses.ts';
import { onceConnected, type Security } from '../net/endpoints/security.ts';
import { frameBytes, uint32Payload } from '../net/http2/frame.ts';
import { encodeFields } from '../net/http2/hpackEncoder.ts';
import { ErrorCode, Flag, FrameType, PREFACE } from '../net/http2/protocol.ts';

/** HTTP/2 as no library would speak it: frames by hand (RFC 9113), and streams that are not read. */

/** How a client begins. */
export const BEGINNING = Buffer.concat([PREFACE, frameBytes(FrameType.Settings, 0, 0)]);

const requestHeaders = (path: string) =>
  encodeFields([
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'x'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
  ]);

/** A call on the first stream, with one message. */
export function firstCall(path: string, message: Buffer): Buffer {
  const head = frameBytes(FrameType.Headers, Flag.EndHeaders, 1, requestHeaders(path));
  return Buffer.concat([BEGINNING, head, frameBytes(FrameType.Data, Flag.EndStream, 1, message)]);
}

/** Streams that are opened and abandoned at once, numbered from `first` on. */
export function abandonedStreams(path: string, first: number, count: number): Buffer {
  const headers = requestHeaders(path);
  const code = uint32Payload(ErrorCode.Cancel);
  const frames: Buffer[] = [];
  for (let i = 0; i < count; i++) {
    const stream = first + 2 * i;
    const head = frameBytes(FrameType.Headers, Flag.EndHeaders, stream, headers);
    frames.push(head, frameBytes(FrameType.ResetStream, 0, stream, code));
  }
  return Buffer.concat(frames);
}

/** Resolves with undefined where the connection is refused or ends before it is made. */
export async function dialRaw(address: string, security: Security): Promise<Socket | undefined> {
  const socket = security.dial(parseAddress(address)!);
  socket.on('error', () => {});
  const connected = new Promise<void>((resolve) => onceConnected(socket, resolve));
  await Promise.race([connected, once(socket, 'close')]).catch(() => {});
  return socket.destroyed ? undefined : socket;
}

/** A client that lets the server send nothing: its window is shut. */
export async function dialUnread(address: string, security: Security): Promise<ClientHttp2Session> {
  const session = http2.connect(`http://${address}`, {
    settings: { initialWindowSize: 0 },
    createConnection: () => security.dial(parseAddress(address)!),
  });
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
