import { once } from 'node:events';
import http2, { type ClientHttp2Session } from 'node:http2';
import { connect } from 'node:net';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { NO_SECURITY } from '../../net/endpoints/security.ts';
import { GrpcServer } from '../../net/grpc/grpcServer.ts';
import type { ServerCall, UnaryDone } from '../../net/grpc/serverCall.ts';
import type { GrpcError } from '../../net/grpc/status.ts';
import { Http2Connection } from '../../net/http2/connection.ts';
import { frameBytes } from '../../net/http2/frame.ts';
import { FrameType, PREFACE } from '../../net/http2/protocol.ts';
import { headers, withPath } from '../../net/http2/testing/rawPeer.ts';
import { takeFreePorts } from '../../supervisor/process/freePorts.ts';
import { rawMethod } from '../../wire/rawMethod.ts';
import { GrpcListener } from '../net/grpcListener.ts';
import { REFUSALS_BURST } from './refusalPace.ts';
import { openDoor } from './testing/openDoor.ts';
import {
  UNARY_AGE_MS_MAX,
  UNARY_OPEN_ALWAYS,
  UNARY_OPEN_MAX,
  UNARY_TURN_MS_MAX,
  UnaryAdmission,
} from './unaryAdmission.ts';

type UnaryCall = ServerCall & { readonly request: Buffer };

const FAST = '/test.Test/Fast';
const BYTES_MAX = 100_000;
const same = (bytes: Buffer) => bytes;
const closers: (() => void)[] = [];
afterEach(() => {
  vi.restoreAllMocks();
  for (const close of closers.splice(0)) close();
});

/** A server whose method Fast is served by `handler` where it is admitted, and Slow in any case. */
async function serving(handler: (call: UnaryCall, done: UnaryDone) => void) {
  const state = { refusal: undefined as GrpcError | undefined, nowMs: 0 };
  const grpc = new GrpcServer({ messageBytesMax: BYTES_MAX });
  grpc.addService(
    { Slow: rawMethod('/test.Test/Slow') },
    { Slow: (_call: unknown, done: (error: null, bytes: Buffer) => void) => done(null, Buffer.from('slow')) },
  );
  const admission = new UnaryAdmission(() => state.nowMs);
  admission.refuseWhile(() => state.refusal);
  grpc.addService({ Fast: rawMethod(FAST) }, { Fast: handler as never }, { admission });
  const door = openDoor();
  const listener = new GrpcListener(grpc, door, NO_SECURITY, (socket) => socket.destroy());
  const [port] = await takeFreePorts(1);
  await listener.listen({ host: '127.0.0.1', port: port! });
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  closers.push(() => {
    client.close();
    listener.close();
    door.close();
  });
  const call = (path: string, message: Buffer) =>
    new Promise<Buffer | ServiceError>((resolve) => {
      client.makeUnaryRequest(path, same, same, message, (error, answer) => resolve(error ?? answer!));
    });
  return { state, client, call, port: port! };
}

const echo = ({ request }: UnaryCall, done: UnaryDone) => done(null, Buffer.concat([Buffer.from('got '), request]));

describe('unary calls', () => {
  it('are answered, as are those of other services', async () => {
    const { call } = await serving(echo);
    expect(String(await call(FAST, Buffer.from('a')))).toBe('got a');
    expect(String(await call(FAST, Buffer.alloc(0)))).toBe('got ');
    expect(String(await call('/test.Test/Slow', Buffer.from('b')))).toBe('slow');
    expect(await call('/test.Test/None', Buffer.from('b'))).toMatchObject({ code: status.UNIMPLEMENTED });
    const large = Buffer.alloc(BYTES_MAX, 'x');
    expect(await call(FAST, large)).toEqual(Buffer.concat([Buffer.from('got '), large]));
  });

  it('fail with the code and the text that their handler gives, and carry trailers', async () => {
    const stored = new Metadata();
    stored.set('x-kind', 'stored');
    const { call, client } = await serving(({ request }, done) => {
      if (request.length === 0) done(null, Buffer.from('value'), stored);
      else done({ code: status.NOT_FOUND, details: 'no session 7: ü %' });
    });
    expect(await call(FAST, Buffer.from('a'))).toMatchObject({ code: status.NOT_FOUND, details: 'no session 7: ü %' });
    const trailers = await new Promise<Metadata>((resolve) => {
      const made = client.makeUnaryRequest(FAST, same, same, Buffer.alloc(0), () => {});
      made.on('status', ({ metadata }) => resolve(metadata));
    });
    expect(trailers.get('x-kind')).toEqual(['stored']);
  });

  it('refuse a message that is too large by its length, before it comes', async () => {
    const { call } = await serving(echo);
    const error = await call(FAST, Buffer.alloc(BYTES_MAX + 1));
    expect(error).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: expect.stringContaining('larger than max'),
    });
  });

  it('are refused unread where the server knows that it cannot serve them', async () => {
    let handled = 0;
    const { state, call } = await serving((_call, done) => {
      handled++;
      done(null, Buffer.alloc(0));
    });
    state.refusal = { code: status.UNKNOWN, details: 'not leader, 2 is' };
    for (const size of [0, 10, 90_000]) {
      expect(await call(FAST, Buffer.alloc(size))).toMatchObject({ code: status.UNKNOWN, details: 'not leader, 2 is' });
    }
    state.refusal = undefined;
    expect(await call(FAST, Buffer.alloc(1))).toEqual(Buffer.alloc(0));
    expect(handled).toBe(1);
  });

  it('are refused at once where as many wait as may, or one for too long, and taken again after that', async () => {
    const waiting: UnaryDone[] = [];
    let wake = () => {};
    const { state, call } = await serving((_call, done) => {
      waiting.push(done);
      wake();
    });
    const overloaded = { code: status.RESOURCE_EXHAUSTED, details: 'the server has too much to do; try again later' };
    const take = async (count: number) => {
      const answers = Array.from({ length: count }, () => call(FAST, Buffer.alloc(1)));
      while (waiting.length < count) await new Promise<void>((resolve) => (wake = resolve));
      return async () => {
        for (const done of waiting.splice(0)) done(null, Buffer.from('done'));
        for (const answer of await Promise.all(answers)) expect(String(answer)).toBe('done');
      };
    };
    const finishOld = await take(UNARY_OPEN_ALWAYS);
    state.nowMs = UNARY_AGE_MS_MAX + 1;
    expect(await call(FAST, Buffer.alloc(1))).toMatchObject(overloaded);
    await finishOld();
    const finish = await take(UNARY_OPEN_MAX);
    expect(await call(FAST, Buffer.alloc(1))).toMatchObject(overloaded);
    await finish();
    const finishNext = await take(1);
    await finishNext();
  });

  it('are refused once a turn of the event loop has lasted for long, and taken in the next', async () => {
    const held: UnaryDone[] = [];
    let wake = () => {};
    const { state, call, port } = await serving(({ request }, done) => {
      if (request.length === 0) {
        held.push(done);
        wake();
        return;
      }
      state.nowMs += UNARY_TURN_MS_MAX / 10;
      setImmediate(() => done(null, Buffer.from('done')));
    });
    const openAlready = Array.from({ length: UNARY_OPEN_ALWAYS }, () => call(FAST, Buffer.alloc(0)));
    while (held.length < openAlready.length) await new Promise<void>((resolve) => (wake = resolve));
    const other = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    });
    closers.push(() => other.close());
    const otherCall = () =>
      new Promise<Buffer | ServiceError>((resolve) => {
        other.makeUnaryRequest(FAST, same, same, Buffer.of(1), (error, answer) => resolve(error ?? answer!));
      });
    let refused = 0;
    // What two connections bring mostly comes to be handled in one turn.
    for (let i = 0; i < 200 && refused === 0; i++) {
      // No time passes between turns, or the open ones would be too old.
      state.nowMs = 0;
      const both = Array.from({ length: 20 }, () => [call(FAST, Buffer.of(1)), otherCall()]).flat();
      const answers = await Promise.all(both);
      refused = answers.filter((answer) => 'code' in answer && answer.code === status.RESOURCE_EXHAUSTED).length;
    }
    expect(refused).toBeGreaterThan(0);
    for (const done of held) done(null, Buffer.alloc(0));
    await Promise.all(openAlready);
    expect(String(await call(FAST, Buffer.of(1)))).toBe('done');
  });

  it('are refused by their number and by the age of the oldest, as one reckons who looks through all of them', async () => {
    const turnsOver = () => new Promise((resolve) => setImmediate(resolve));
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.nat()), async (numbers) => {
        const draw = (limit: number) => numbers.next().value! % limit;
        let nowMs = 0;
        let turnMs = 0;
        let open: { readonly takenMs: number }[] = [];
        const admission = new UnaryAdmission(() => nowMs);
        const begin = () => {
          const call = { takenMs: turnMs };
          open.push(call);
          admission.begin(call);
        };
        for (let turn = 0; turn < 40; turn++) {
          turnMs = nowMs;
          for (let i = draw(3); i > 0; i--) {
            const isTooMany = open.length >= UNARY_OPEN_MAX || nowMs - turnMs > UNARY_TURN_MS_MAX;
            const isOld = open.some(({ takenMs }) => nowMs - takenMs > UNARY_AGE_MS_MAX);
            const isRefused = open.length >= UNARY_OPEN_ALWAYS && (isTooMany || isOld);
            expect(admission.refusal() !== undefined).toBe(isRefused);
            for (let calls = draw(UNARY_OPEN_ALWAYS); calls > 0 && open.length < UNARY_OPEN_MAX; calls--) begin();
            nowMs += draw(150);
          }
          // The first that were taken end first, mostly.
          const ended = draw(4) === 0 ? open.filter(() => draw(2) === 0) : open.slice(0, draw(UNARY_OPEN_MAX));
          for (const call of ended) admission.end(call);
          const over = new Set(ended);
          open = open.filter((call) => !over.has(call));
          nowMs += draw(150);
          await turnsOver();
        }
      }),
      { numRuns: 40 },
    );
  });

  /** A request as no gRPC client makes it. */
  async function raw(port: number, send: (session: ClientHttp2Session) => http2.ClientHttp2Stream) {
    const session = http2.connect(`http://127.0.0.1:${port}`);
    closers.push(() => session.destroy());
    const stream = send(session);
    stream.on('error', () => {});
    const [headers] = await once(stream, 'response');
    stream.resume();
    return headers;
  }
  const HEADERS = { ':method': 'POST', ':path': FAST, 'content-type': 'application/grpc', te: 'trailers' };

  it.each([
    ['nothing', Buffer.alloc(0), status.INVALID_ARGUMENT],
    ['half a prefix', Buffer.alloc(3), status.INVALID_ARGUMENT],
    ['half a message', Buffer.from([0, 0, 0, 0, 9, 1]), status.INVALID_ARGUMENT],
    ['two messages', Buffer.from([0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1]), status.INVALID_ARGUMENT],
    ['a compressed message', Buffer.from([1, 0, 0, 0, 1, 1]), status.UNIMPLEMENTED],
  ])('say what is wrong with %s', async (_what, body, code) => {
    const { port } = await serving(echo);
    const headers = await raw(port, (session) => session.request(HEADERS).end(body) as http2.ClientHttp2Stream);
    expect(Number(headers['grpc-status'])).toBe(code);
  });

  it('take a message that comes byte by byte', async () => {
    const { port, call } = await serving(echo);
    await raw(port, (session) => {
      const stream = session.request(HEADERS);
      for (const byte of [0, 0, 0, 0, 2, 65, 66]) stream.write(Buffer.of(byte));
      return stream.end() as http2.ClientHttp2Stream;
    });
    expect(String(await call(FAST, Buffer.from('on')))).toBe('got on');
  });

  it('that had sent their heads only took all places: one connection kept all others from being served', async () => {
    const { call, port } = await serving(echo);
    const session = http2.connect(`http://127.0.0.1:${port}`);
    closers.push(() => session.destroy());
    const idle = Array.from({ length: UNARY_OPEN_MAX }, () => session.request(HEADERS));
    for (const stream of idle) stream.on('error', () => {});
    await new Promise((resolve) => session.ping(resolve as () => void));
    expect(String(await call(FAST, Buffer.from('a')))).toBe('got a');
  });

  it('whose bodies come all at once are no more than others that do', async () => {
    let handled = 0;
    const { port } = await serving(() => handled++);
    const session = http2.connect(`http://127.0.0.1:${port}`);
    closers.push(() => session.destroy());
    const streams = Array.from({ length: UNARY_OPEN_MAX + 100 }, () => session.request(HEADERS));
    for (const stream of streams) stream.on('error', () => {});
    await new Promise((resolve) => session.ping(resolve as () => void));
    const answered = streams.slice(-100).map((stream) => once(stream, 'response'));
    for (const stream of streams) stream.end(Buffer.from([0, 0, 0, 0, 1, 1]));
    for (const [headers] of await Promise.all(answered)) {
      expect(Number(headers['grpc-status'])).toBe(status.RESOURCE_EXHAUSTED);
    }
    expect(handled).toBe(UNARY_OPEN_MAX);
  });

  it('of a connection that another server is to serve are left unread where there are too many', async () => {
    const { state, call, port } = await serving(echo);
    state.refusal = { code: status.UNKNOWN, details: 'not leader, 2 is' };
    let isPaused = false;
    const { pause } = Http2Connection.prototype;
    const paused = new Promise<void>((resolve) => {
      vi.spyOn(Http2Connection.prototype, 'pause').mockImplementationOnce(function (this: Http2Connection) {
        pause.call(this);
        isPaused = true;
        resolve();
      });
    });
    const socket = connect(port, '127.0.0.1');
    closers.push(() => socket.destroy());
    socket.write(Buffer.concat([PREFACE, frameBytes(FrameType.Settings, 0, 0)]));
    await once(socket, 'data');
    // The clock stands still, so nothing comes back of what is given a second.
    const fields = [...withPath(FAST), ['content-type', 'application/grpc'] as const];
    let made = 0;
    while (!isPaused) {
      expect(made).toBeLessThan(2 * REFUSALS_BURST);
      const requests = Array.from({ length: 500 }, () => headers(2 * made++ + 1, { fields }));
      socket.write(Buffer.concat(requests));
      await Promise.race([paused, once(socket, 'data')]);
    }
    expect(made).toBeGreaterThan(REFUSALS_BURST);
    // Others are answered meanwhile; and what this one asks, too, once another server leads.
    expect(await call(FAST, Buffer.alloc(1))).toMatchObject({ details: 'not leader, 2 is' });
    const resumed = vi.spyOn(Http2Connection.prototype, 'resume');
    state.refusal = { code: status.UNKNOWN, details: 'not leader, 3 is' };
    socket.write(headers(2 * made + 1, { fields }));
    for await (const piece of socket) if (String(piece).includes('leader, 3')) break;
    expect(resumed).toHaveBeenCalled();
  });

  it('end the request of a refused call that goes on and on', async () => {
    const { state, port } = await serving(echo);
    state.refusal = { code: status.UNKNOWN, details: 'not leader, 2 is' };
    const session = http2.connect(`http://127.0.0.1:${port}`);
    closers.push(() => session.destroy());
    const stream = session.request(HEADERS);
    stream.on('error', () => {});
    stream.resume();
    const closed = once(stream, 'close');
    const piece = Buffer.alloc(16 * 1024);
    const more = () => {
      if (!stream.destroyed) stream.write(piece, more);
    };
    more();
    await closed;
    expect(stream.rstCode).toBe(http2.constants.NGHTTP2_NO_ERROR);
  });
});
