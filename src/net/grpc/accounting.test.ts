import { duplexPair } from 'node:stream';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { rawMethod } from '../../wire/rawMethod.ts';
import { frameBytes } from '../http2/frame.ts';
import { encodeFields } from '../http2/hpackEncoder.ts';
import { FrameType, PREFACE } from '../http2/protocol.ts';
import { data, headers, initialWindow, REQUEST, reset, windowUpdate } from '../http2/testing/rawPeer.ts';
import { GrpcServer } from './grpcServer.ts';
import { framed } from './messageReader.ts';
import type { ServerCall } from './serverCall.ts';

const IDS = [1, 3, 5, 7, 9];
const PATHS = ['/test/Echo', '/test/Never', '/test/Chat', '/test/None'];

/** What a client does with one stream; what HTTP/2 forbids at that point is left out. */
const step = fc.record({
  id: fc.constantFrom(...IDS),
  kind: fc.constantFrom('data', 'data', 'message', 'message', 'end', 'reset', 'window', 'pause', 'resume'),
  bytes: fc.nat(9000),
});

it('what is held is counted to the byte: a connection whose calls are over holds nothing', async () => {
  const property = fc.asyncProperty(
    fc.array(fc.constantFrom(...PATHS), { minLength: IDS.length, maxLength: IDS.length }),
    fc.array(step, { maxLength: 60 }),
    fc.integer({ min: 1, max: 3000 }),
    async (paths, steps, cut) => {
      const calls: ServerCall[] = [];
      const server = new GrpcServer({ messageBytesMax: 6000 });
      const chat = (call: ServerCall) => {
        calls.push(call);
        call.on('data', (message: Buffer) => call.write(message));
        call.on('end', () => call.end());
      };
      server.addService(
        {
          echo: rawMethod(PATHS[0]!),
          never: rawMethod(PATHS[1]!),
          chat: { ...rawMethod(PATHS[2]!), requestStream: true, responseStream: true },
        },
        {
          echo: ((call: ServerCall, done: (error: null, bytes: unknown) => void) => done(null, call.request)) as never,
          never: (() => {}) as never,
          chat: chat as never,
        },
      );
      const [near, far] = duplexPair();
      near.resume();
      const guard = { refusal: () => undefined, held: () => {}, lettingGo: () => ({}), abandoned: () => {} };
      const connection = server.accept(far, guard, 100);
      const settle = async () => {
        for (let i = 0; i < 8; i++) await new Promise(setImmediate);
      };
      near.write(Buffer.concat([PREFACE, frameBytes(FrameType.Settings, 0, 0, initialWindow(1000))]));
      IDS.forEach((id, i) => {
        const fields = REQUEST.map(([name, value]) => [name, name === ':path' ? paths[i]! : value] as const);
        const block = encodeFields([...fields, ['content-type', 'application/grpc']]);
        near.write(headers(id, { end: false, block }));
      });
      const over = new Set<number>();
      for (const { id, kind, bytes } of steps) {
        const call = calls[bytes % 5];
        if (kind === 'pause') call?.pause();
        else if (kind === 'resume') call?.resume();
        else if (over.has(id)) continue;
        else if (kind === 'window') near.write(windowUpdate(id, bytes + 1));
        else if (kind === 'reset') near.write(reset(id, 8));
        else {
          const payload = kind === 'message' ? framed(Buffer.alloc(bytes)) : Buffer.alloc(bytes % 5000);
          const frame = data(id, payload, kind === 'end');
          for (let at = 0; at < frame.length; at += cut) near.write(frame.subarray(at, at + cut));
        }
        if (kind === 'end' || kind === 'reset') over.add(id);
        if (bytes % 4 === 0) await settle();
      }
      near.write(Buffer.concat(IDS.map((id) => reset(id, 8))));
      await settle();
      expect(connection.isOpen).toBe(true);
      expect(connection.streamCount).toBe(0);
      expect(connection.heldBytes).toBe(0);
    },
  );
  await fc.assert(property, { numRuns: 200 });
});
