import type { ClientHttp2Stream } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { Client, type ServiceError, status } from '@grpc/grpc-js';
import { RkvClient } from '../client/rkvClient.ts';
import { clientChannelOptions, openChannel } from '../net/endpoints/channels.ts';
import { frameBytes } from '../net/http2/frame.ts';
import { FrameType } from '../net/http2/protocol.ts';
import { CommandType, encodeCommand, encodeInsert, REGISTER_BYTES } from '../wire/command.ts';
import { LookupRequest } from '../wire/generated/rkv.ts';
import { CommandBatchWriter, readResultBatch, SESSION_METHOD } from '../wire/sessionCodec.ts';
import type { Attack, Target } from './attack.ts';
import { forgedIntroductions } from './forgedIntroductions.ts';
import { abandonedStreams, BEGINNING, dialRaw, dialUnread, firstCall, grpcMessage, openCall } from './http2Frames.ts';
import { strangers } from './strangers.ts';

const MIB = 1 << 20;
/** How long a server that has all requests is given to do what they ask. */
const SETTLE_MS = 6000;
const scaled = ({ scale }: Target, count: number) => Math.ceil(count * scale);
const held: unknown[] = [];

async function store(target: Target, key: string, bytes: number): Promise<void> {
  const client = new RkvClient({ addresses: target.addresses, security: target.security, timeoutMs: 30_000 });
  const session = await client.openSession();
  await session.insert(key, 'v'.repeat(bytes));
  client.close();
}

async function unreadSessions(target: Target): Promise<string> {
  const connections = scaled(target, 80);
  await store(target, 'large', MIB);
  const batch = new CommandBatchWriter();
  for (let id = 0; id < 70; id++) batch.add(id, encodeCommand({ type: CommandType.Lookup, key: 'large' }));
  const message = grpcMessage(batch.finish());
  for (let i = 0; i < connections; i++) {
    const session = await dialUnread(target.leader, target.security);
    const call = openCall(session, '/rkvpb.RKV/Session');
    call?.pause().write(message);
    held.push(session);
    await sleep(60);
  }
  await sleep(SETTLE_MS);
  return `${connections} sessions asked for 70 MiB each and read nothing`;
}

async function unreadCalls(target: Target): Promise<string> {
  return askAndNotRead(target, scaled(target, 4), 500);
}

/** All in one moment: nobody can be let go in between. */
async function unreadBurst(target: Target): Promise<string> {
  return askAndNotRead(target, scaled(target, 40), 0);
}

async function askAndNotRead(target: Target, connections: number, betweenMs: number): Promise<string> {
  const calls = 100;
  await store(target, 'large', 4 * MIB);
  const message = grpcMessage(LookupRequest.encode({ key: 'large' }).finish());
  for (let i = 0; i < connections; i++) {
    const session = await dialUnread(target.leader, target.security);
    held.push(session);
    for (let j = 0; j < calls; j++) openCall(session, '/rkvpb.RKV/Lookup')?.pause().end(message);
    if (betweenMs > 0) await sleep(betweenMs);
  }
  await sleep(SETTLE_MS);
  return `${connections * calls} lookups of 4 MiB over ${connections} connections, no answer read`;
}

async function unfinishedBodies(target: Target): Promise<string> {
  const connections = scaled(target, 200);
  const message = grpcMessage(Buffer.alloc(7 * MIB, 1), 8 * MIB);
  for (let i = 0; i < connections; i++) {
    const session = await dialUnread(target.leader, target.security);
    held.push(session);
    openCall(session, '/rkvpb.RKV/Insert')?.write(message);
    await sleep(20);
  }
  await sleep(SETTLE_MS);
  return `${connections} inserts announced 8 MiB, sent 7 and stopped`;
}

async function compressedBodies(target: Target): Promise<string> {
  const calls = scaled(target, 40);
  const body = gzipSync(Buffer.alloc(100 * MIB));
  const message = grpcMessage(body, body.length, true);
  const session = await dialUnread(target.leader, target.security);
  held.push(session);
  for (let i = 0; i < calls; i++) openCall(session, '/rkvpb.RKV/Insert', { 'grpc-encoding': 'gzip' })?.end(message);
  await sleep(6000);
  return `${calls} inserts of ${body.length} bytes that unpack to 100 MiB`;
}

async function idleStreamFrames(target: Target): Promise<string> {
  const connections = scaled(target, 12_000);
  const bytes = Buffer.concat([BEGINNING, frameBytes(FrameType.Data, 0, 1, Buffer.alloc(20))]);
  let done = 0;
  const one = async () => {
    while (done < connections) {
      done++;
      const socket = await dialRaw(target.leader, target.security);
      socket?.resume().write(bytes);
      await sleep(10);
      socket?.destroy();
    }
  };
  await Promise.all(Array.from({ length: 40 }, one));
  await sleep(2000);
  return `${connections} connections sent data on a stream that was never opened`;
}

async function registrations(target: Target): Promise<string> {
  const count = scaled(target, 200_000);
  const session = await dialUnread(target.leader, target.security);
  held.push(session);
  session.settings({ initialWindowSize: MIB });
  const perBatch = 4000;
  const deadline = Date.now() + 60_000;
  let sent = 0;
  while (sent < count && Date.now() < deadline) {
    const call = openCall(session, '/rkvpb.RKV/Session');
    if (call === undefined) break;
    const batch = new CommandBatchWriter();
    for (let id = 0; id < perBatch; id++) batch.add(id, REGISTER_BYTES);
    call.resume().end(grpcMessage(batch.finish()));
    sent += perBatch;
    await Promise.race([new Promise((resolve) => call.once('close', resolve)), sleep(5000)]);
  }
  return `${sent} anonymous registrations over one connection`;
}

/** As fast as they go, over connections made anew: each registers all that one may, in batches as large as a stream may have open. */
async function millionRegistrations(target: Target): Promise<string> {
  const count = scaled(target, 1_000_000);
  const perBatch = 1000;
  const batchesPerConnection = 20;
  const batch = new CommandBatchWriter();
  for (let id = 0; id < perBatch; id++) batch.add(id, REGISTER_BYTES);
  const message = grpcMessage(batch.finish());
  const beganMs = performance.now();
  const elapsedMs = () => performance.now() - beganMs;
  let [sent, registered, connections] = [0, 0, 0];
  const isOver = () => sent >= count || elapsedMs() > 90_000;
  const one = async () => {
    while (!isOver()) {
      const session = await dialUnread(target.leader, target.security);
      session.settings({ initialWindowSize: MIB });
      connections++;
      for (let i = 0; i < batchesPerConnection && !isOver(); i++) {
        const call = openCall(session, '/rkvpb.RKV/Session');
        if (call === undefined) break;
        sent += perBatch;
        // Read after the wait: others add to it meanwhile.
        const came = await registeredBy(call, message);
        registered += came.length;
      }
      session.destroy();
    }
  };
  await Promise.all(Array.from({ length: 4 }, one));
  const seconds = Math.round(elapsedMs() / 1000);
  return `${sent} anonymous registrations over ${connections} connections, 4 at a time, in ${seconds} s: ${registered} were answered with a session`;
}

/** The sessions that come back for the registrations that are asked for. */
async function registeredBy(call: ClientHttp2Stream, message: Buffer): Promise<number[]> {
  const pieces: Buffer[] = [];
  call.on('data', (piece: Buffer) => pieces.push(piece));
  call.end(message);
  await Promise.race([new Promise((resolve) => call.once('close', resolve)), sleep(10_000)]);
  const bytes = Buffer.concat(pieces);
  const registered: number[] = [];
  const result = (_id: number, _status: number, clientId: number) => {
    if (clientId !== 0) registered.push(clientId);
  };
  for (let at = 0; at + 5 <= bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    if (end > bytes.length) break;
    readResultBatch(bytes.subarray(at + 5, end), { result });
    at = end;
  }
  return registered;
}

/** Numbers of sessions that lie 4 096 apart, so that each is remembered by itself: nothing between them ever comes. */
async function numbersAhead(target: Target): Promise<string> {
  const numbers = 128;
  const apart = 4096;
  const perBatch = 32;
  const session = await dialUnread(target.leader, target.security);
  held.push(session);
  session.settings({ initialWindowSize: MIB });
  const beganMs = performance.now();
  const isOver = () => performance.now() - beganMs > 150_000;
  const sessions: number[] = [];
  const batch = new CommandBatchWriter();
  for (let id = 0; id < 1000; id++) batch.add(id, REGISTER_BYTES);
  const registrations = grpcMessage(batch.finish());
  while (sessions.length < scaled(target, 20_000) && !isOver()) {
    const call = openCall(session, '/rkvpb.RKV/Session');
    const registered = call === undefined ? [] : await registeredBy(call, registrations);
    if (registered.length === 0) break;
    sessions.push(...registered);
  }
  const key = Buffer.from('ahead');
  let inserts = 0;
  const waiting = [...sessions];
  const one = async () => {
    while (waiting.length > 0 && !isOver()) {
      const call = openCall(session, '/rkvpb.RKV/Session');
      if (call === undefined) break;
      const commands = new CommandBatchWriter();
      for (const [at, id] of waiting.splice(0, perBatch).entries())
        for (let i = 1; i <= numbers; i++)
          commands.add(at * numbers + i, encodeInsert(id, i * apart, key, Buffer.alloc(0)));
      call.resume().end(grpcMessage(commands.finish()));
      await Promise.race([new Promise((resolve) => call.once('close', resolve)), sleep(10_000)]);
      inserts += perBatch * numbers;
    }
  };
  await Promise.all(Array.from({ length: 3 }, one));
  return `${inserts} inserts under ${sessions.length} sessions of one connection, numbered ${apart} apart`;
}

async function idleConnections(target: Target): Promise<string> {
  const connections = scaled(target, 200);
  const client = new RkvClient({ addresses: target.addresses, security: target.security, timeoutMs: 30_000 });
  const session = await client.openSession();
  for (const address of target.addresses) {
    for (let i = 0; i < connections; i++) {
      held.push(await Promise.race([dialRaw(address, target.security), sleep(200)]));
    }
  }
  // The store needs new files for these.
  for (let i = 0; i < 12; i++) await session.insert(`large ${i}`, 'v'.repeat(4 * MIB));
  client.close();
  return `${connections} connections to each server, never used, and then 48 MiB written`;
}

/** To the leader, a hundred at a time: each asked for something once, and each other one said nothing or half of what one says first. */
async function idleAndHalfOpen(target: Target): Promise<string> {
  const idle = scaled(target, 5000);
  const halfOpen = scaled(target, 2000);
  const call = firstCall('/rkvpb.RKV/Lookup', grpcMessage(LookupRequest.encode({ key: 'idle' }).finish()));
  const halves = [Buffer.alloc(0), BEGINNING.subarray(0, 12)];
  const all = [
    ...Array.from({ length: idle }, () => call),
    ...Array.from({ length: halfOpen }, (_none, i) => halves[i % 2]!),
  ];
  let open = 0;
  for (let at = 0; at < all.length; at += 100) {
    const dialled = all.slice(at, at + 100).map(async (bytes) => {
      const socket = await dialRaw(target.leader, target.security);
      held.push(socket);
      if (socket !== undefined) open++;
      if (bytes.length > 0) socket?.resume().write(bytes);
    });
    await Promise.all(dialled);
  }
  await sleep(2000);
  return `${idle} connections that asked for one thing and ${halfOpen} half-open ones: ${open} were taken`;
}

async function largeValues(target: Target): Promise<string> {
  const client = new RkvClient({ addresses: target.addresses, security: target.security, timeoutMs: 20_000 });
  const session = await client.openSession();
  const outcomes: string[] = [];
  for (const mebibytes of [7, 7, 7, 32, 60, 32, 60]) {
    const beganMs = performance.now();
    const value = 'v'.repeat(mebibytes * MIB);
    const outcome = await (mebibytes > 8 ? sendUnasked(target, value) : session.insert('huge', value)).then(
      () => `in ${Math.round(performance.now() - beganMs)} ms`,
      (error: Error) => error.message,
    );
    outcomes.push(`${mebibytes} MiB ${outcome}`);
  }
  client.close();
  return `values of ${outcomes.join(', ')}`;
}

/** On a stream, whatever the server said that it takes: our client keeps to that. Rejects with how the stream ended. */
async function sendUnasked({ leader, security }: Target, value: string): Promise<void> {
  const client = openChannel(Client, leader, clientChannelOptions(MIB), security);
  const { path, requestSerialize, responseDeserialize } = SESSION_METHOD;
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  const batch = new CommandBatchWriter();
  batch.add(1, encodeInsert(1, 1, Buffer.from('huge'), Buffer.from(value)));
  stream.write(batch.finish());
  stream.resume();
  try {
    await new Promise<void>((resolve, reject) => {
      stream.on('error', ({ code }: ServiceError) => reject(new Error(`refused with ${status[code]}`)));
      stream.on('end', resolve);
    });
  } finally {
    client.close();
  }
}

/** What the servers were told to take, at once. */
async function raisedValues(target: Target): Promise<string> {
  const clients = scaled(target, 4);
  const value = 'v'.repeat(32 * MIB - 1000);
  const one = async (_none: unknown, i: number) => {
    const client = new RkvClient({ addresses: target.addresses, security: target.security, timeoutMs: 60_000 });
    const session = await client.openSession();
    const beganMs = performance.now();
    await session.insert(`raised ${i}`, value);
    client.close();
    return Math.round(performance.now() - beganMs);
  };
  const tookMs = await Promise.all(Array.from({ length: clients }, one));
  return `values of 32 MiB of ${clients} clients in ${tookMs.join(', ')} ms`;
}

async function rapidReset(target: Target): Promise<string> {
  const endMs = Date.now() + Math.min(8000, 8000 * target.scale);
  // Made once: what the attacker computes, the servers on the same machine lack.
  const pieces = Array.from({ length: 100 }, (_, i) => abandonedStreams('/rkvpb.RKV/Lookup', 1 + i * 200, 100));
  let streams = 0;
  let connections = 0;
  const one = async () => {
    while (Date.now() < endMs) {
      const socket = await dialRaw(target.leader, target.security);
      if (socket === undefined) {
        await sleep(20);
        continue;
      }
      connections++;
      socket.resume().write(BEGINNING);
      for (const piece of pieces) {
        if (socket.destroyed || Date.now() >= endMs) break;
        const wrote = socket.write(piece);
        streams += 100;
        await sleep(wrote ? 2 : 50);
      }
      socket.destroy();
    }
  };
  await Promise.all(Array.from({ length: scaled(target, 4) }, one));
  return `${streams} streams opened and abandoned over ${connections} connections`;
}

async function controlFrames(target: Target): Promise<string> {
  const endMs = Date.now() + Math.min(5000, 5000 * target.scale);
  const flood = Buffer.concat(
    Array.from({ length: 500 }, () => [
      frameBytes(FrameType.Ping, 0, 0, Buffer.alloc(8)),
      frameBytes(FrameType.Settings, 0, 0),
    ]).flat(),
  );
  let frames = 0;
  const one = async () => {
    while (Date.now() < endMs) {
      const socket = await dialRaw(target.leader, target.security);
      // Nothing is read: the answers to pings and settings are the server's to keep.
      socket?.pause().write(BEGINNING);
      while (socket !== undefined && !socket.destroyed && Date.now() < endMs) {
        const wrote = socket.write(flood);
        frames += 1000;
        await sleep(wrote ? 1 : 50);
      }
      await sleep(5);
    }
  };
  await Promise.all(Array.from({ length: scaled(target, 4) }, one));
  return `${frames} pings and settings, their answers not read`;
}

async function openCalls(target: Target): Promise<string> {
  const [connections, calls] = [scaled(target, 20), 2000];
  let open = 0;
  for (let i = 0; i < connections; i++) {
    const session = await dialUnread(target.leader, target.security);
    held.push(session);
    for (let j = 0; j < calls; j++) {
      if (openCall(session, '/rkvpb.RKV/Session') === undefined) break;
      open++;
      if (j % 1000 === 999) await sleep(20);
    }
    await sleep(200);
  }
  await sleep(2000);
  return `${open} calls opened over ${connections} connections, and left open`;
}

export const ATTACKS: Readonly<Record<string, Attack>> = {
  unreadSessions,
  unreadCalls,
  unreadBurst,
  unfinishedBodies,
  compressedBodies,
  idleStreamFrames,
  openCalls,
  registrations,
  millionRegistrations,
  numbersAhead,
  idleConnections,
  idleAndHalfOpen,
  largeValues,
  raisedValues,
  rapidReset,
  controlFrames,
  forgedIntroductions,
  strangers,
};
