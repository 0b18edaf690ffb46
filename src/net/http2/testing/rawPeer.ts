import { type Duplex, duplexPair } from 'node:stream';
import { Http2Connection } from '../connection.ts';
import { frameBytes, settingsPayload, uint32Payload } from '../frame.ts';
import type { HeaderField } from '../headerField.ts';
import { HpackDecoder } from '../hpackDecoder.ts';
import { encodeFields } from '../hpackEncoder.ts';
import { Flag, FRAME_HEADER_BYTES, FrameType, PREFACE, Setting } from '../protocol.ts';
import type { RequestHead } from '../requestHead.ts';
import type { Http2Stream, StreamReader } from '../stream.ts';

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

export const REQUEST: readonly (readonly [string, string])[] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/echo'],
  [':authority', 'here'],
];

export const setting = (name: number, value: number): Buffer => settingsPayload([[name, value]]);

/** Gathers a request, and answers with its body. `/stop` reads nothing, `/refused` is not taken. */
class Echo implements StreamReader {
  readonly needsAll = true;
  stream!: Http2Stream;
  readonly pieces: Buffer[] = [];
  isAbandoned = false;

  received(piece: Buffer): void {
    this.pieces.push(piece);
  }

  receivedAll(): void {
    const { stream } = this;
    stream.respond(encodeFields([[':status', '200']]));
    stream.send(Buffer.concat(this.pieces));
    stream.finish(encodeFields([['x-end', '1']]));
  }

  sentAll(): void {}

  closed(isAbandoned: boolean): void {
    this.isAbandoned = isAbandoned;
  }

  letGo(): void {
    this.stream.abandon();
  }
}

/** The client's end of a connection to a server in the same process, frames by hand. */
export class RawPeer {
  readonly server: Http2Connection;
  readonly readers: Echo[] = [];
  readonly heads: { path: string; fields: HeaderField[] }[] = [];
  readonly frames: Frame[] = [];
  hasEnded = false;
  /** How many requests of each piece of input were refused unread, where any was. */
  readonly refused: number[] = [];
  abandoned = 0;
  heldBytesMax = 0;
  readonly socket: Duplex;
  /** The server's end of it. */
  readonly far: Duplex;
  private rest: Buffer = Buffer.alloc(0);
  private readonly decoder = new HpackDecoder(1 << 20);

  constructor({ windowBytes = 1 << 20, streamsMax = 100 } = {}) {
    const [near, far] = duplexPair();
    this.socket = near;
    this.far = far;
    near.on('data', (piece: Buffer) => this.take(piece));
    near.on('end', () => {
      this.hasEnded = true;
    });
    near.on('error', () => {});
    this.server = new Http2Connection(
      far,
      { windowBytes, streamsMax },
      {
        request: (connection, id, head, ended) => this.request(connection, id, head, ended),
        held: () => {
          this.heldBytesMax = Math.max(this.heldBytesMax, this.server.heldBytes);
        },
        refused: (_connection, count) => {
          this.refused.push(count);
        },
        abandoned: () => {
          this.abandoned++;
        },
      },
    );
  }

  private request(connection: Http2Connection, id: number, head: RequestHead, ended: boolean): void {
    this.heads.push({ path: head.path, fields: [...head.fields] });
    if (head.path === '/refused') {
      connection.refuse(id, encodeFields([[':status', '503']]), ended);
      return;
    }
    const echo = new Echo();
    this.readers.push(echo);
    echo.stream = connection.open(id, head, ended, echo);
    if (head.path === '/stop') echo.stream.pause();
    if (ended) echo.receivedAll();
  }

  private take(piece: Buffer): void {
    let bytes = Buffer.concat([this.rest, piece]);
    while (bytes.length >= FRAME_HEADER_BYTES) {
      const end = FRAME_HEADER_BYTES + bytes.readUIntBE(0, 3);
      if (bytes.length < end) break;
      const payload = bytes.subarray(FRAME_HEADER_BYTES, end);
      this.frames.push({ type: bytes[3]!, flags: bytes[4]!, id: bytes.readUInt32BE(5), payload });
      bytes = bytes.subarray(end);
    }
    this.rest = bytes;
  }

  send(...frames: Buffer[]): this {
    this.socket.write(Buffer.concat(frames));
    return this;
  }

  /** Preface and settings. */
  begin(...settings: Buffer[]): this {
    return this.send(PREFACE, frameBytes(FrameType.Settings, 0, 0, Buffer.concat(settings)));
  }

  /** Waits until what was sent has had its effects. */
  async settle(): Promise<this> {
    for (let i = 0; i < 10; i++) await new Promise(setImmediate);
    return this;
  }

  of(type: number, id?: number): Frame[] {
    return this.frames.filter((frame) => frame.type === type && (id === undefined || frame.id === id));
  }

  /** The bytes of all DATA on a stream. */
  body(id: number): Buffer {
    return Buffer.concat(this.of(FrameType.Data, id).map(({ payload }) => payload));
  }

  fieldsOf(frame: Frame): Record<string, string> {
    const fields: HeaderField[] = [];
    this.decoder.decode(frame.payload, fields);
    return Object.fromEntries(fields.map(({ name, value }) => [name, value]));
  }

  /** The code with which the connection was ended. */
  get goAwayCode(): number | undefined {
    return this.of(FrameType.GoAway)[0]?.payload.readUInt32BE(4);
  }

  resetCode(id: number): number | undefined {
    return this.of(FrameType.ResetStream, id)[0]?.payload.readUInt32BE(0);
  }
}

export function headers(
  id: number,
  { fields = REQUEST, flags = Flag.EndHeaders as number, end = true, block = encodeFields(fields) } = {},
): Buffer {
  return frameBytes(FrameType.Headers, flags | (end ? Flag.EndStream : 0), id, block);
}

export function data(id: number, payload: Uint8Array = Buffer.alloc(0), end = false): Buffer {
  return frameBytes(FrameType.Data, end ? Flag.EndStream : 0, id, payload);
}

export const windowUpdate = (id: number, bytes: number): Buffer =>
  frameBytes(FrameType.WindowUpdate, 0, id, uint32Payload(bytes));
export const reset = (id: number, code: number): Buffer =>
  frameBytes(FrameType.ResetStream, 0, id, uint32Payload(code));
export const initialWindow = (bytes: number): Buffer => setting(Setting.InitialWindowSize, bytes);
export const withPath = (path: string): (readonly [string, string])[] =>
  REQUEST.map(([name, value]) => [name, name === ':path' ? path : value]);
