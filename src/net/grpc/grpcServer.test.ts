import { once } from 'node:events';
import http2 from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type ServiceError,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FLOW_CONTROL_WINDOW_BYTES } from '../endpoints/flowControl.ts';
import { GrpcServer } from './grpcServer.ts';
import type { ConnectionGuard } from './method.ts';

const MESSAGE_BYTES_MAX = 6 << 20;
const same = (bytes: Buffer) => bytes;
const picky = (bytes: Buffer) => {
  if (bytes[0] === 0xff) throw new Error('begins with 255');
  return bytes;
};
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/test.Test/${name}`,
  requestStream,
  responseStream,
  requestSerialize: same,
  requestDeserialize: picky,
  responseSerialize: same,
  responseDeserialize: same,
});
const SERVICE: ServiceDefinition = {
  Echo: method('Echo', false, false),
  Never: method('Never', false, false),
  Sum: method('Sum', true, false),
  Count: method('Count', false, true),
  Chat: method('Chat', true, true),
};

/** The same handlers for both servers, written as grpc-js wants them. `seen`: what they saw, beside what clients see. */
// biome-ignore lint/suspicious/noExplicitAny: they are untyped on purpose, for two kinds of call
const handlers = (seen: string[]): Record<string, (call: any, done: any) => void> => ({
  Echo(call, done) {
    const text = call.request.subarray(0, 20).toString('latin1');
    if (text.startsWith('fail')) {
      const metadata = new Metadata();
      metadata.set('x-why', 'because');
      metadata.set('x-raw-bin', Buffer.from([0, 255, 1]));
      done({ code: status.NOT_FOUND, details: 'no ü % \n such "thing"', metadata });
    } else if (text.startsWith('throw')) throw new Error('in the handler');
    else if (text.startsWith('bare')) done({ code: status.ABORTED, details: '' });
    else if (text.startsWith('metadata')) {
      const got = call.metadata.get('x-text').concat(call.metadata.get('x-data-bin').map(String));
      const trailers = new Metadata();
      trailers.add('x-trailer', 'one');
      trailers.add('x-trailer', 'two');
      done(null, Buffer.from(got.join(',')), trailers);
    } else done(null, call.request);
  },
  Never(call) {
    call.on('cancelled', () => seen.push(`cancelled ${call.cancelled}`));
  },
  Sum(call, done) {
    let bytes = 0;
    call.on('data', (message: Buffer) => {
      bytes += message.length;
    });
    call.on('end', () => done(null, Buffer.from(String(bytes))));
  },
  Count(call) {
    const [count, size, failAt] = String(call.request).split(' ').map(Number) as [number, number, number];
    let i = 0;
    const more = () => {
      for (; i < count; i++) {
        if (i === failAt) {
          call.emit('error', { code: status.DATA_LOSS, details: 'in the middle' });
          return;
        }
        if (!call.write(Buffer.alloc(size, i))) {
          i++;
          call.once('drain', more);
          return;
        }
      }
      call.end();
    };
    more();
  },
  Chat(call) {
    call.on('data', (message: Buffer) => {
      if (String(message) === 'stop') call.emit('error', { code: status.OUT_OF_RANGE, details: 'stopped' });
      else call.write(message);
    });
    call.on('end', () => call.end());
    call.on('cancelled', () => seen.push('chat cancelled'));
  },
});

const GUARD: ConnectionGuard = {
  refusal: () => undefined,
  held: () => {},
  lettingGo: (details) => ({ code: status.RESOURCE_EXHAUSTED, details }),
  abandoned: () => {},
};

interface Outcome {
  readonly messages: string[];
  readonly code: number;
  readonly details: string;
  readonly trailers: Record<string, unknown>;
}

const UNCOMPARED: ReadonlySet<number> = new Set([status.OK, status.UNKNOWN, status.INTERNAL, status.DEADLINE_EXCEEDED]);
const brief = (bytes: Buffer) => (bytes.length < 100 ? String(bytes) : `${bytes.length} bytes`);
const outcome = (
  messages: Buffer[],
  { code, details, metadata }: Pick<ServiceError, 'code' | 'details' | 'metadata'>,
) => {
  const { date: _date, ...trailers } = metadata?.getMap() ?? {};
  delete trailers['content-type'];
  // Where grpc-js says less than we do, or the client's own clock speaks; of what went well it says 'OK'.
  const text = UNCOMPARED.has(code) ? '' : details;
  return { messages: messages.map(brief), code, details: text, trailers } satisfies Outcome;
};

class Caller {
  readonly client: Client;
  constructor(port: number) {
    this.client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': 32 << 20,
      'grpc.max_send_message_length': 32 << 20,
    });
  }

  unary(name: string, request: Buffer, { metadata = new Metadata(), timeoutMs = 20_000 } = {}): Promise<Outcome> {
    return new Promise((resolve) => {
      const messages: Buffer[] = [];
      const options = { deadline: Date.now() + timeoutMs };
      const path = `/test.Test/${name}`;
      const call = this.client.makeUnaryRequest(path, same, same, request, metadata, options, (_error, answer) => {
        if (answer !== undefined) messages.push(answer);
      });
      call.on('status', (ended) => setImmediate(() => resolve(outcome(messages, ended))));
    });
  }

  sum(requests: Buffer[]): Promise<Outcome> {
    return new Promise((resolve) => {
      const messages: Buffer[] = [];
      const call = this.client.makeClientStreamRequest('/test.Test/Sum', same, same, (_error, answer) => {
        if (answer !== undefined) messages.push(answer);
      });
      call.on('status', (ended) => setImmediate(() => resolve(outcome(messages, ended))));
      for (const request of requests) call.write(request);
      call.end();
    });
  }

  count(request: string, pauseAt = -1): Promise<Outcome> {
    return new Promise((resolve) => {
      const messages: Buffer[] = [];
      const call = this.client.makeServerStreamRequest('/test.Test/Count', same, same, Buffer.from(request));
      call.on('data', (message: Buffer) => {
        messages.push(message);
        if (messages.length !== pauseAt) return;
        call.pause();
        setTimeout(() => call.resume(), 100);
      });
      call.on('error', () => {});
      call.on('status', (ended) => setImmediate(() => resolve(outcome(messages, ended))));
    });
  }

  chat(requests: string[], { cancelAfter = -1, ends = true } = {}): Promise<Outcome> {
    return new Promise((resolve) => {
      const messages: Buffer[] = [];
      const call = this.client.makeBidiStreamRequest('/test.Test/Chat', same, same);
      call.on('data', (message: Buffer) => {
        messages.push(message);
        if (messages.length === cancelAfter) call.cancel();
      });
      call.on('error', () => {});
      call.on('status', (ended) => setImmediate(() => resolve(outcome(messages, ended))));
      for (const request of requests) call.write(Buffer.from(request));
      if (ends) call.end();
    });
  }
}

const metadata = new Metadata();
metadata.set('x-text', 'a text');
metadata.set('x-data-bin', Buffer.from('some bytes'));

const SCENARIOS: Record<string, (caller: Caller) => Promise<unknown>> = {
  'an empty message': (caller) => caller.unary('Echo', Buffer.alloc(0)),
  'a small message': (caller) => caller.unary('Echo', Buffer.from('hello')),
  'a message of one frame': (caller) => caller.unary('Echo', Buffer.alloc(16_379, 1)),
  'a message of a frame and a byte': (caller) => caller.unary('Echo', Buffer.alloc(16_380, 1)),
  'a message larger than the default windows': (caller) => caller.unary('Echo', Buffer.alloc(5_000_000, 1)),
  'a message that is too large': (caller) => caller.unary('Echo', Buffer.alloc(MESSAGE_BYTES_MAX + 1, 1)),
  'an error with a text and metadata': (caller) => caller.unary('Echo', Buffer.from('fail')),
  'an error without a text': (caller) => caller.unary('Echo', Buffer.from('bare')),
  'an error that a handler throws': (caller) => caller.unary('Echo', Buffer.from('throw')),
  'a request that cannot be decoded': (caller) => caller.unary('Echo', Buffer.from([0xff])),
  'metadata both ways': (caller) => caller.unary('Echo', Buffer.from('metadata'), { metadata }),
  'a method that is not there': (caller) => caller.unary('Missing', Buffer.from('x')),
  'a method whose answer does not come in time': (caller) =>
    caller.unary('Never', Buffer.from('x'), { timeoutMs: 200 }),
  'many requests at once': (caller) =>
    Promise.all(Array.from({ length: 500 }, (_, i) => caller.unary('Echo', Buffer.from(`request ${i}`)))),
  'a stream of requests': (caller) => caller.sum(Array.from({ length: 300 }, (_, i) => Buffer.alloc(i * 100, 1))),
  'no request in a stream': (caller) => caller.sum([]),
  'a bad request in a stream': (caller) => caller.sum([Buffer.from('x'), Buffer.from([0xff])]),
  'a stream of answers': (caller) => caller.count('1000 10'),
  'a stream of large answers, read slowly': (caller) => caller.count('40 300000', 3),
  'no answer in a stream': (caller) => caller.count('0 0'),
  'an error in a stream of answers': (caller) => caller.count('10 10 4'),
  'an error before the first answer': (caller) => caller.count('10 10 0'),
  'a conversation': (caller) => caller.chat(Array.from({ length: 500 }, (_, i) => `message ${i}`)),
  'a conversation that the server ends': (caller) => caller.chat(['one', 'two', 'stop', 'three'], { ends: false }),
  'a conversation that the client gives up': (caller) => caller.chat(['one', 'two'], { cancelAfter: 2, ends: false }),
  'many conversations at once': (caller) =>
    Promise.all(Array.from({ length: 100 }, (_, i) => caller.chat([`a ${i}`, 'x'.repeat(20_000)]))),
};

describe('a gRPC client', () => {
  const close: (() => void)[] = [];
  let ours: Caller;
  let theirs: Caller;
  let port: number;
  const oursSaw: string[] = [];
  const theirsSaw: string[] = [];

  beforeAll(async () => {
    const own = new GrpcServer({ messageBytesMax: MESSAGE_BYTES_MAX });
    own.addService(SERVICE, handlers(oursSaw) as UntypedServiceImplementation);
    const listener = createServer({ noDelay: true }, (socket) => own.accept(socket, GUARD, 1000));
    await once(listener.listen(0, '127.0.0.1'), 'listening');
    port = (listener.address() as AddressInfo).port;
    const js = new Server({ 'grpc.max_receive_message_length': MESSAGE_BYTES_MAX });
    js.addService(SERVICE, handlers(theirsSaw) as UntypedServiceImplementation);
    const jsPort = await new Promise<number>((resolve, reject) => {
      js.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    ours = new Caller(port);
    theirs = new Caller(jsPort);
    close.push(
      () => ours.client.close(),
      () => theirs.client.close(),
      () => js.forceShutdown(),
      () => listener.close(),
    );
  });

  afterAll(() => {
    for (const each of close) each();
  });

  it.each(Object.keys(SCENARIOS))('is served as by grpc-js: %s', async (name) => {
    const scenario = SCENARIOS[name]!;
    expect(await scenario(ours)).toEqual(await scenario(theirs));
    // grpc-js says of every conversation that it was cancelled.
    const unary = (seen: string[]) => seen.filter((what) => !what.startsWith('chat'));
    const difference = () => (isDeepStrictEqual(unary(oursSaw), unary(theirsSaw)) ? [] : [oursSaw, theirsSaw]);
    await expect.poll(difference, { timeout: 5000 }).toEqual([]);
  });

  /** A request as no gRPC client makes it. */
  async function raw(more: Record<string, string>, body: Buffer) {
    const session = http2.connect(`http://127.0.0.1:${port}`);
    const headers = {
      ':method': 'POST',
      ':path': '/test.Test/Never',
      'content-type': 'application/grpc',
      te: 'trailers',
    };
    const stream = session.request({ ...headers, ...more });
    stream.on('error', () => {});
    const [answer] = await once(stream.end(body), 'response');
    session.destroy();
    return answer as http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader;
  }
  const empty = Buffer.alloc(5);

  it('that does not keep its own deadline is held to it', async () => {
    const answer = await raw({ 'grpc-timeout': '50m' }, empty);
    expect(answer['grpc-status']).toBe(String(status.DEADLINE_EXCEEDED));
    expect(oursSaw.at(-1)).toBe('cancelled true');
  });

  it('that is gone has cancelled its conversation', async () => {
    const session = http2.connect(`http://127.0.0.1:${port}`);
    const headers = { ':method': 'POST', ':path': '/test.Test/Chat', 'content-type': 'application/grpc' };
    const stream = session.request(headers);
    stream.on('error', () => {});
    stream.write(Buffer.concat([empty, empty]));
    await once(stream, 'data');
    oursSaw.length = 0;
    session.destroy();
    await expect.poll(() => oursSaw).toEqual(['chat cancelled']);
  });

  it.each<[string, Record<string, string>, number, number | undefined]>([
    ['another content type', { 'content-type': 'text/html' }, 415, undefined],
    ['gRPC in a longer word', { 'content-type': 'application/grpcx' }, 415, undefined],
    ['another verb', { ':method': 'PUT' }, 405, undefined],
    ['a compression', { 'grpc-encoding': 'gzip' }, 200, status.UNIMPLEMENTED],
    ['a timeout that is none', { 'grpc-timeout': '1.5s' }, 200, status.INTERNAL],
    ['headers beyond what is taken', { 'x-large': 'x'.repeat(17_000) }, 431, undefined],
  ])('is told what is wrong with %s', async (_what, more, http, grpc) => {
    const answer = await raw(more, empty);
    expect(answer[':status']).toBe(http);
    if (grpc !== undefined) expect(answer['grpc-status']).toBe(String(grpc));
  });

  it('finds what is made when it is first asked for, made once', async () => {
    const server = new GrpcServer({ messageBytesMax: MESSAGE_BYTES_MAX });
    let made = 0;
    server.addWhenAsked('/test.Test/', () => {
      made++;
      server.addService(SERVICE, handlers([]) as UntypedServiceImplementation);
    });
    const listener = createServer((socket) => server.accept(socket, GUARD, 1000));
    await once(listener.listen(0, '127.0.0.1'), 'listening');
    const caller = new Caller((listener.address() as AddressInfo).port);
    close.push(
      () => caller.client.close(),
      () => listener.close(),
    );
    const nowhere = await new Promise<ServiceError | null>((resolve) =>
      caller.client.makeUnaryRequest('/other.Test/Echo', same, same, empty, (error) => resolve(error)),
    );
    expect([nowhere?.code, made]).toEqual([status.UNIMPLEMENTED, 0]);
    const asked = () => Promise.all([caller.unary('Echo', Buffer.from('a')), caller.chat(['one', 'two'])]);
    expect(await asked()).toEqual([await ours.unary('Echo', Buffer.from('a')), await ours.chat(['one', 'two'])]);
    await asked();
    expect(made).toBe(1);
  });

  it('sees the windows that are advertised', async () => {
    const session = http2.connect(`http://127.0.0.1:${port}`);
    const [settings] = await once(session, 'remoteSettings');
    expect(settings.initialWindowSize).toBe(FLOW_CONTROL_WINDOW_BYTES);
    expect(settings.maxConcurrentStreams).toBe(1000);
    session.destroy();
  });

  it('that is curl gets an answer in HTTP', async ({ skip }) => {
    const args = [
      '-s',
      '--http2-prior-knowledge',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      `http://127.0.0.1:${port}/x`,
    ];
    const { stdout, failed, exitCode } = await execa('curl', args, { reject: false });
    if (failed && stdout !== '415') skip(`curl is not here, or speaks no HTTP/2 (${exitCode})`);
    expect(stdout).toBe('415');
  });

  it('that is h2load makes its requests', async ({ skip }) => {
    const args = ['-n', '200', '-c', '4', '-m', '10', '-H', 'content-type: text/html', `http://127.0.0.1:${port}/x`];
    const { stdout, failed } = await execa('h2load', args, { reject: false });
    if (failed && stdout === '') skip("Debian's nghttp2-client is not here");
    expect(stdout).toContain('200 done');
  });
});
