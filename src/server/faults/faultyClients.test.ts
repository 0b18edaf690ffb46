import { type AddressInfo, createServer } from 'node:net';
import { Client, type ClientDuplexStream, credentials, type ServiceDefinition, status } from '@grpc/grpc-js';
import { expect, it, onTestFinished, vi } from 'vitest';
import { FaultBook } from '../../faults/faultBook.ts';
import type { LinkTrouble } from '../../faults/serverFault.ts';
import { GrpcServer } from '../../net/grpc/grpcServer.ts';
import type { ConnectionGuard } from '../../net/grpc/method.ts';
import type { ServerCall, UnaryDone } from '../../net/grpc/serverCall.ts';
import type { SessionCall } from '../service/sessionStream.ts';
import { FaultyClients } from './faultyClients.ts';
import { MACHINE } from './machine.ts';

const same = (bytes: Buffer) => bytes;
const method = (name: string, isStream: boolean) => ({
  path: `/test.Test/${name}`,
  requestStream: isStream,
  responseStream: isStream,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});
const SERVICE: ServiceDefinition = { Echo: method('Echo', false), Chat: method('Chat', true) };
const GUARD: ConnectionGuard = {
  refusal: () => undefined,
  held: () => {},
  lettingGo: (details) => ({ code: status.RESOURCE_EXHAUSTED, details }),
  abandoned: () => {},
};
const BROKEN = { code: status.UNAVAILABLE, details: 'the connection broke, by a fault on purpose' };
const PATIENCE = { timeout: 20_000, interval: 5 };

/** A server that answers what it is asked, a client of it on a real connection, and what is between them. */
async function setUp() {
  const book = new FaultBook();
  const seen: string[] = [];
  const lost: object[] = [];
  let drawn = 0;
  const clients = new FaultyClients({
    conditionOf: (way) => book.clientCondition(way),
    environment: { ...MACHINE, next: () => drawn },
    lost: (call) => lost.push(call),
  });
  const handlers = {
    Echo: (call: ServerCall, done: UnaryDone) => {
      seen.push(String(call.request));
      done(null, call.request);
    },
    Chat: (call: SessionCall & Pick<ServerCall, 'connection'>) => {
      expect(call.connection.guard).toBe(GUARD);
      call.on('data', (message) => {
        seen.push(String(message));
        call.write(message, () => {});
      });
      call.on('end', () => call.end());
    },
  };
  const grpc = new GrpcServer({ messageBytesMax: 1 << 20 });
  grpc.addService(SERVICE, clients.around(handlers as never));
  const listener = createServer((socket) => grpc.accept(socket, GUARD, 100));
  await new Promise<void>((done) => listener.listen(0, '127.0.0.1', done));
  const { port } = listener.address() as AddressInfo;
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  onTestFinished(() => {
    clients.close();
    client.close();
    listener.close();
  });
  const echo = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest('/test.Test/Echo', same, same, Buffer.from(text), (error, answer) =>
        error === null ? resolve(String(answer)) : reject(error),
      );
    });
  const set = (trouble: LinkTrouble, ways: { to: boolean; from: boolean } = { to: true, from: true }) => {
    book.set('a', { kind: 'client-link', ...ways, trouble }, 0, 1);
    clients.refresh();
  };
  const heal = () => {
    book.heal('a');
    clients.refresh();
  };
  const draw = (value: number) => {
    drawn = value;
  };
  return { client, clients, seen, lost, echo, set, heal, draw };
}

/** A stream of the client's, and what it hears. */
function chat(client: Client) {
  const call: ClientDuplexStream<Buffer, Buffer> = client.makeBidiStreamRequest('/test.Test/Chat', same, same);
  const heard: unknown[] = [];
  call.on('data', (message: Buffer) => heard.push(String(message)));
  call.on('error', ({ code, details }: { code?: number; details?: string }) => heard.push({ code, details }));
  call.on('end', () => heard.push('end'));
  return { heard, say: (text: string) => call.write(Buffer.from(text)), end: () => call.end() };
}

it('passes everything on while nothing is wrong', async () => {
  const { client, clients, echo } = await setUp();
  expect(clients.isOn).toBe(false);
  expect(await echo('a')).toBe('a');
  const { heard, say, end } = chat(client);
  for (const word of ['b', 'c']) say(word);
  end();
  await vi.waitFor(() => expect(heard).toEqual(['b', 'c', 'end']), PATIENCE);
});

it('loses a request, which is then not carried out, or an answer, which says nothing of that', async () => {
  const { seen, echo, set, draw } = await setUp();
  set({ kind: 'loss', chance: 0.5 }, { to: false, from: true });
  await expect(echo('request')).rejects.toMatchObject(BROKEN);
  set({ kind: 'loss', chance: 0.5 }, { to: true, from: false });
  await expect(echo('answer')).rejects.toMatchObject(BROKEN);
  expect(seen).toEqual(['answer']);
  draw(0.5);
  expect(await echo('luck')).toBe('luck');
});

it('breaks a stream of which a message is lost: nothing more of it passes', async () => {
  const { client, seen, set, draw } = await setUp();
  draw(0.9);
  set({ kind: 'loss', chance: 0.5 }, { to: true, from: false });
  const { heard, say } = chat(client);
  say('a');
  await vi.waitFor(() => expect(heard).toEqual(['a']), PATIENCE);
  draw(0);
  say('b');
  await vi.waitFor(() => expect(heard).toEqual(['a', BROKEN, 'end']), PATIENCE);
  expect(seen).toEqual(['a', 'b']);
});

it.each([
  ['from clients', { to: false, from: true }, []],
  ['to clients', { to: true, from: false }, ['call', 'stream']],
  ['both ways', { to: true, from: true }, []],
] as const)('cuts what goes %s, and says so when that is over', async (_, ways, carriedOut) => {
  const { client, clients, seen, lost, echo, set, heal } = await setUp();
  const { heard, say } = chat(client);
  say('before');
  await vi.waitFor(() => expect(heard).toEqual(['before']), PATIENCE);
  set({ kind: 'cut' }, ways);
  expect(clients.isOn).toBe(true);
  let isOver = false;
  const answer = echo('call').finally(() => {
    isOver = true;
  });
  answer.catch(() => {});
  await vi.waitFor(() => expect(lost).toHaveLength(1), PATIENCE);
  say('stream');
  await vi.waitFor(() => expect(lost).toHaveLength(2), PATIENCE);
  expect([seen, isOver, heard]).toEqual([['before', ...carriedOut], false, ['before']]);
  heal();
  await expect(answer).rejects.toMatchObject(BROKEN);
  await vi.waitFor(() => expect(heard).toEqual(['before', BROKEN, 'end']), PATIENCE);
  expect(await echo('after')).toBe('after');
});

it('lets everything take longer, in order, and no more bytes through than it may', async () => {
  const { client, echo, set, heal } = await setUp();
  set({ kind: 'delay', shape: { kind: 'fixed', us: 30_000 } });
  const beganMs = performance.now();
  expect(await echo('slow')).toBe('slow');
  expect(performance.now() - beganMs).toBeGreaterThanOrEqual(59);
  const { heard, say, end } = chat(client);
  for (const word of ['a', 'b', 'c']) say(word);
  end();
  await vi.waitFor(() => expect(heard).toEqual(['a', 'b', 'c', 'end']), PATIENCE);
  set({ kind: 'bandwidth', bytesPerSecond: 50_000 }, { to: true, from: false });
  const limitedMs = performance.now();
  await echo('v'.repeat(5000));
  expect(performance.now() - limitedMs).toBeGreaterThanOrEqual(99);
  heal();
});
