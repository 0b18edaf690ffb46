import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type handleServerStreamingCall, Server, ServerCredentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Snapshot, simpleConfiguration } from '../../consensus/contract.ts';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { MemoryContent } from '../../consensus/snapshotContent.ts';
import { NO_SECURITY } from '../../net/endpoints/security.ts';
import { type Fence, NO_FENCE } from '../../wire/fence.ts';
import { type AdmitChunk, type AdmitRequest, PeerService } from '../../wire/generated/peer.ts';
import { PEER_VERSIONS } from '../../wire/peerVersions.ts';
import type { CommandSink } from '../host/outcomes.ts';
import type { Replica } from '../host/replica.ts';
import { Hearsay } from '../identity/hearsay.ts';
import { introductionOf } from '../identity/identity.ts';
import { IdentityFile } from '../identity/identityFile.ts';
import { Addresses } from '../identity/testing/addresses.ts';
import type { Log } from '../observe/log.ts';
import { KeyValueStore } from '../stateMachine/keyValueStore.ts';
import { Admissions, askForAdmission } from './admissions.ts';
import type { PeerAcceptor } from './peerAcceptor.ts';

const MAX_BYTES = 1024 * 1024;
const QUIET = { info: () => {} } as unknown as Log;
const DEAF = { shutOut: () => ({ given: () => {}, over: () => {} }) } as unknown as PeerAcceptor<unknown>;

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0).reverse()) cleanUp();
});

function identity(id: number, isMember: boolean): IdentityFile {
  const folder = mkdtempSync(join(tmpdir(), 'rkv-admissions-'));
  cleanUps.push(() => rmSync(folder, { recursive: true }));
  return IdentityFile.open(folder, id, 'etcd', isMember);
}

/** Server 1 leads, and commits what it is given at once. `handle` stands before what answers. */
async function leader(handle: (request: AdmitRequest) => AdmitRequest = (request) => request) {
  const fences = new Map<number, Fence>();
  const stateMachine = new KeyValueStore();
  const asked: AdmitRequest[] = [];
  let index = 0;
  const replica = {
    fences,
    get mayHaveBoundSessions() {
      return stateMachine.sessionsBound === 'in-force';
    },
    status: () => ({ role: 'leader', leader: 1, configuration: simpleConfiguration([1]) }),
    submitAtOnce: (command: Uint8Array, sink: CommandSink, tag: number) => {
      stateMachine.apply(new Entry(++index, 3, EntryType.Normal, command));
      for (const [id, fence] of stateMachine.fences) fences.set(id, fence);
      sink.commandDone(tag, { status: 'ok', clientId: index });
    },
    readState: (done: (state: Snapshot) => void) =>
      done({
        index,
        term: 3,
        configuration: simpleConfiguration([1]),
        content: new MemoryContent(stateMachine.snapshot()),
      }),
  } as unknown as Replica<unknown>;
  const own = identity(1, true);
  const addresses = new Addresses();
  // Whoever asks is there.
  addresses.ask = (_peer, _own, _timeoutMs, answered) => {
    const introduction = asked.at(-1)!.introduction!;
    answered({ kind: 'introduced', introduction, misfit: undefined, isVoter: true, leader: 1, known: new Map() });
  };
  const admissions = new Admissions(
    replica,
    own,
    new Hearsay(own, addresses),
    DEAF,
    3,
    PEER_VERSIONS,
    MAX_BYTES,
    QUIET,
  );
  const server = new Server();
  const admit: handleServerStreamingCall<AdmitRequest, AdmitChunk> = (call) => {
    asked.push(call.request);
    call.request = handle(call.request);
    admissions.handle(call);
  };
  server.addService(PeerService, { introduce: () => {}, admit, stream: () => {} });
  cleanUps.push(() => server.forceShutdown());
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { address: { host: '127.0.0.1', port }, admissions, fences, asked, stateMachine };
}

describe('an admission', () => {
  it('was given to a server that was gone, whose request was late', async () => {
    const { address, fences } = await leader();
    const gone = introductionOf(identity(2, false).identity);
    const here = introductionOf(identity(2, false).identity);
    const request = { speaks: PEER_VERSIONS, rejoin: true, after: NO_FENCE };
    expect(await askForAdmission(1, address, NO_SECURITY, MAX_BYTES, here, request)).toMatchObject({
      kind: 'admitted',
      state: { admitted: 1 },
    });
    const last = { index: 1, instance: here.instance };
    expect(await askForAdmission(1, address, NO_SECURITY, MAX_BYTES, gone, request)).toEqual({
      kind: 'superseded',
      last,
    });
    expect(fences).toEqual(new Map([[2, last]]));
    // Where it is not gone it asks with what it was told.
    expect(await askForAdmission(1, address, NO_SECURITY, MAX_BYTES, gone, { ...request, after: last })).toMatchObject({
      kind: 'admitted',
      state: { admitted: 2 },
    });
  });

  it('is given to a version that does not say what it was told of', async () => {
    const { address, asked } = await leader((request) => ({ ...request, after: undefined }));
    for (const admitted of [1, 2]) {
      const own = introductionOf(identity(2, false).identity);
      const request = { speaks: PEER_VERSIONS, rejoin: true, after: NO_FENCE };
      const outcome = await askForAdmission(1, address, NO_SECURITY, MAX_BYTES, own, request);
      expect(outcome).toMatchObject({ kind: 'admitted', state: { admitted } });
    }
    expect(asked.map(({ after }) => after)).toEqual([NO_FENCE, NO_FENCE]);
  });
});

it('an admission is refused, and no fence written, where the two would have no link', async () => {
  const { address, fences, asked } = await leader();
  const own = introductionOf(identity(2, false).identity);
  for (const [speaks, words] of [
    [{ oldest: 9, newest: 10 }, '9 to 10'],
    [{ oldest: 9, newest: 8 }, '9 to 8, which is no range'],
    [{ oldest: 4, newest: 5 }, '4 to 5'],
  ] as const) {
    const request = { speaks, rejoin: true, after: NO_FENCE };
    expect(await askForAdmission(1, address, NO_SECURITY, MAX_BYTES, own, request)).toEqual({
      kind: 'refused',
      reason: 'other-version',
      details: `server 2 speaks peer protocol ${words}; server 1 speaks 6 to 8`,
    });
  }
  expect(fences.size).toBe(0);
  // Versions from before there was a choice speak 6, and tell nothing.
  const earlier = { speaks: { oldest: 6, newest: 6 }, rejoin: true, after: NO_FENCE };
  const outcome = await askForAdmission(1, address, NO_SECURITY, MAX_BYTES, own, earlier);
  expect(outcome).toMatchObject({ kind: 'admitted' });
  expect(asked.at(-1)).toMatchObject({ oldestVersion: 6, newestVersion: 0 });
});

it('an admission of one that does not read what stands in the log is refused, and no fence written', async () => {
  const { address, fences, stateMachine } = await leader();
  const own = introductionOf(identity(2, false).identity);
  stateMachine.apply(new Entry(1, 3, EntryType.BoundSessions, new Uint8Array(0)));
  const asking = (newest: number) =>
    askForAdmission(1, address, NO_SECURITY, MAX_BYTES, own, {
      speaks: { oldest: 6, newest },
      rejoin: true,
      after: NO_FENCE,
    });
  expect(await asking(7)).toEqual({
    kind: 'refused',
    reason: 'other-version',
    details: 'server 2 speaks peer protocol 6 to 7; server 1 speaks 8',
  });
  expect(fences.size).toBe(0);
  expect(await asking(8)).toMatchObject({ kind: 'admitted' });
});

it('an answer that was not read kept every other server from being admitted', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  cleanUps.push(() => vi.useRealTimers());
  const { admissions, asked } = await leader();
  const ask = (id: number) => {
    const introduction = introductionOf(identity(id, false).identity);
    const versions = { oldestVersion: 0, newestVersion: 0 };
    const request: AdmitRequest = { introduction, rejoin: true, bySurvivor: false, after: undefined, ...versions };
    const pieces: AdmitChunk[] = [];
    const errors: { details: string }[] = [];
    // The other side takes nothing.
    const write = (piece: AdmitChunk) => pieces.push(piece) < 0;
    const call = Object.assign(new EventEmitter(), { request, write, end: () => {}, cancelled: false });
    call.on('error', (error) => errors.push(error));
    asked.push(request);
    admissions.handle(call as never);
    return { pieces, errors };
  };
  const stuck = ask(2);
  expect(stuck.pieces.length).toBeGreaterThan(0);
  expect(ask(3).errors).toMatchObject([{ details: expect.stringContaining('another server is being admitted') }]);
  vi.advanceTimersByTime(2001);
  expect(ask(3)).toMatchObject({ pieces: { length: stuck.pieces.length }, errors: [] });
  expect(stuck.errors).toMatchObject([{ details: expect.stringContaining('was not read') }]);
});

it('a request of an earlier version, in bytes, says nothing of fences, and nor does what such a version takes from ours', () => {
  const earlier = Buffer.from([0x10, 0x01]);
  expect(PeerService.admit.requestDeserialize(earlier)).toMatchObject({ rejoin: true, after: undefined });
  const versions = { oldestVersion: 0, newestVersion: 0 };
  const ours = { introduction: undefined, rejoin: true, bySurvivor: false, after: NO_FENCE, ...versions };
  // What it does not know, field 4, is behind all that it knows.
  expect(PeerService.admit.requestSerialize(ours)).toEqual(Buffer.concat([earlier, Buffer.from([0x22, 0x00])]));
});
