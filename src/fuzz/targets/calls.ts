import { duplexPair } from 'node:stream';
import { status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { GrpcServer } from '../../net/grpc/grpcServer.ts';
import type { ConnectionGuard } from '../../net/grpc/method.ts';
import { frameBytes } from '../../net/http2/frame.ts';
import type { HeaderField } from '../../net/http2/headerField.ts';
import { HpackDecoder } from '../../net/http2/hpackDecoder.ts';

import { Flag, FRAME_HEADER_BYTES, FrameType, PREFACE } from '../../net/http2/protocol.ts';
import { data, headers, initialWindow, windowUpdate } from '../../net/http2/testing/rawPeer.ts';
import {
  COMMAND_SERVICE,
  commandImplementation,
  RKV_SERVICE,
  rkvImplementation,
} from '../../server/service/rkvService.ts';
import type { ServiceContext } from '../../server/service/serviceContext.ts';
import { InsertRequest, LookupRequest } from '../../wire/generated/rkv.ts';
import { damagedBytes } from '../mutation.ts';
import { oneServer } from '../oneServer.ts';
import { settled } from '../peers.ts';
import { demand, type FuzzTarget } from '../target.ts';
import { commandBatch } from './batches.ts';

const MESSAGE_BYTES_MAX = 1 << 16;
const STREAMS_MAX = 8;
/** Of answers: all that come are read. */
const WINDOW_BYTES = 1 << 30;
/** A connection that brings many frames at once has its turn later. */
const TURNS_MAX = 40;
const SERVER_COUNT = 3;

interface Call {
  readonly method: string;
  /** Field by field, in place of what a client sends. */
  readonly fields: Readonly<Record<string, string>>;
  /** Of its body: gRPC messages, with their lengths in front. */
  readonly body: Uint8Array;
  readonly pieceBytes: number;
  readonly ends: boolean;
}

interface Talk {
  readonly calls: readonly Call[];
  /** All bytes of it, where they are not what the calls say. */
  readonly bytes: Uint8Array | undefined;
}

function framed(message: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(5 + message.length);
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, 5);
  return new Uint8Array(bytes);
}

const key = fc.constantFrom('', 'a', 'k'.repeat(300));
/** Changes of the members wait half a minute for who does not answer: they are left out. */
const REQUESTS: Readonly<Record<string, fc.Arbitrary<Uint8Array>>> = {
  Register: fc.constant(new Uint8Array(0)),
  Insert: fc
    .record({ clientID: fc.nat(4), clientSeq: fc.nat(4), key, value: fc.string({ unit: 'binary', maxLength: 20 }) })
    .map((of) => InsertRequest.encode(of).finish()),
  Lookup: key.map((of) => LookupRequest.encode({ key: of }).finish()),
  Session: commandBatch,
};

const call: fc.Arbitrary<Call> = fc.constantFrom(...Object.keys(REQUESTS)).chain((method) => {
  const message = damagedBytes(REQUESTS[method]!).map(framed);
  return fc.record({
    method: fc.constant(method),
    fields: fc.oneof(
      { weight: 8, arbitrary: fc.constant({}) },
      {
        weight: 1,
        arbitrary: fc.constantFrom<Call['fields']>(
          { 'grpc-timeout': '1S' },
          { 'grpc-timeout': '99999999H' },
          { 'grpc-timeout': 'x' },
          { 'grpc-encoding': 'gzip' },
          { 'content-type': 'text/html' },
          { ':path': '/rkvpb.RKV/None' },
          { 'x-data-bin': '!' },
        ),
      },
    ),
    body: fc.oneof({ weight: 6, arbitrary: message }, { weight: 1, arbitrary: damagedBytes(message) }),
    pieceBytes: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constant(1 << 14)),
    ends: fc.oneof({ weight: 8, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  });
});

function sent(calls: readonly Call[]): Buffer {
  const window = [initialWindow(WINDOW_BYTES), windowUpdate(0, WINDOW_BYTES)] as const;
  const frames = [PREFACE, frameBytes(FrameType.Settings, 0, 0, window[0]), window[1]];
  for (const [at, { method, fields, body, pieceBytes, ends }] of calls.entries()) {
    const id = 1 + 2 * at;
    const said = {
      ':method': 'POST',
      ':scheme': 'http',
      ':path': `/rkvpb.RKV/${method}`,
      'content-type': 'application/grpc',
      ...fields,
    };
    frames.push(headers(id, { end: false, fields: Object.entries(said) }));
    const size = Math.max(pieceBytes, Math.ceil(body.length / 50));
    for (let from = 0; from < body.length; from += size) frames.push(data(id, body.subarray(from, from + size)));
    if (ends) frames.push(data(id, new Uint8Array(0), true));
  }
  return Buffer.concat(frames);
}

/** The client's end: which calls ended, and with what. */
class Client {
  readonly statuses = new Map<number, string>();
  private rest = Buffer.alloc(0);
  private readonly decoder = new HpackDecoder(1 << 20);

  take(piece: Buffer): void {
    this.rest = Buffer.concat([this.rest, piece]);
    while (this.rest.length >= FRAME_HEADER_BYTES) {
      const end = FRAME_HEADER_BYTES + this.rest.readUIntBE(0, 3);
      if (this.rest.length < end) return;
      this.frame(this.rest[3]!, this.rest[4]!, this.rest.readUInt32BE(5), this.rest.subarray(FRAME_HEADER_BYTES, end));
      this.rest = this.rest.subarray(end);
    }
  }

  private frame(type: number, flags: number, id: number, payload: Buffer): void {
    if (type !== FrameType.Headers) return;
    const fields: HeaderField[] = [];
    this.decoder.decode(payload, fields);
    if ((flags & Flag.EndStream) === 0) return;
    demand(!this.statuses.has(id), 'a call ends once');
    const by = (name: string) => fields.find((field) => field.name === name)?.value;
    this.statuses.set(id, by('grpc-status') ?? `HTTP ${by(':status')}`);
  }
}

const NOTHING_WRONG: ConnectionGuard = {
  refusal: () => undefined,
  held: () => {},
  lettingGo: (why) => ({ code: status.RESOURCE_EXHAUSTED, details: why }),
  abandoned: () => {},
};

function serve() {
  const { server, work, facts } = oneServer(MESSAGE_BYTES_MAX, (run) => setImmediate(run));
  const context = {
    ...facts,
    replica: server.replica,
    serverCount: SERVER_COUNT,
    address: () => 'here',
    onceLeader: (then: () => void) => {
      then();
      return () => {};
    },
  } as unknown as ServiceContext;
  const grpc = new GrpcServer({ messageBytesMax: MESSAGE_BYTES_MAX });
  grpc.addService(COMMAND_SERVICE, commandImplementation(context));
  grpc.addService(RKV_SERVICE, rkvImplementation(context));
  return { server, work, grpc };
}

/** What a handler throws that it should not is UNKNOWN to a client; so are none of our refusals but those of who does not lead. */
const UNKNOWN = String(status.UNKNOWN);

export const CALLS: FuzzTarget<Talk> = {
  name: 'calls',
  takes: "clients' calls, from HTTP/2 and gRPC to the state machine",
  inputs: fc.array(call, { minLength: 1, maxLength: 6 }).chain((calls) =>
    fc.record({
      calls: fc.constant(calls),
      bytes: fc.oneof(
        { weight: 5, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: damagedBytes(fc.constant(new Uint8Array(sent(calls)))) },
      ),
    }),
  ),
  async check({ calls, bytes }) {
    const { server, work, grpc } = serve();
    const [near, far] = duplexPair();
    near.on('error', () => {});
    const client = new Client();
    near.on('data', (piece: Buffer) => client.take(piece));
    const connection = grpc.accept(far, NOTHING_WRONG, STREAMS_MAX);
    near.write(bytes === undefined ? sent(calls) : Buffer.from(bytes));
    const isDone = () => calls.every(({ ends }, at) => !ends || client.statuses.has(1 + 2 * at));
    for (let turn = 0; turn < (bytes === undefined ? TURNS_MAX : 3) && (turn < 2 || !isDone()); turn++) {
      await settled();
      work();
    }
    await settled();
    if (bytes === undefined) {
      demand(connection.isOpen, 'a connection goes on, whatever is called on it');
      for (const [at, { ends, method }] of calls.entries()) {
        demand(client.statuses.has(1 + 2 * at) || !ends, () => `a call of ${method} has an answer`);
      }
    }
    for (const [id, code] of client.statuses) demand(code !== UNKNOWN, () => `call ${id}: its handler threw an error`);
    demand(server.stateMachine.fences.size === 0, 'no client fences a server off');
    near.end();
    await settled();
    near.destroy();
    await settled();
    demand(!connection.isOpen && connection.heldBytes === 0, 'nothing is kept of a connection that is over');
    return [...client.statuses.values()].includes(String(status.OK));
  },
};
