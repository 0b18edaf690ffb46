import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { expect, it, onTestFinished } from 'vitest';
import { type EngineStatus, simpleConfiguration } from '../../consensus/contract.ts';
import { PEER_VERSIONS } from '../../wire/peerVersions.ts';
import type { Replica } from '../host/replica.ts';
import { Hearsay } from '../identity/hearsay.ts';
import { type Introduction, introductionOf } from '../identity/identity.ts';
import { IdentityFile } from '../identity/identityFile.ts';
import { ShutOuts } from '../identity/shutOuts.ts';
import type { Wish } from '../identity/startDecision.ts';
import { Addresses } from '../identity/testing/addresses.ts';
import type { Log } from '../observe/log.ts';
import { Admissions } from './admissions.ts';
import type { PeerAcceptor } from './peerAcceptor.ts';

function identity(id: number, hasData: boolean): IdentityFile {
  const folder = mkdtempSync(join(tmpdir(), 'rkv-admissions-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const made = IdentityFile.open(folder, id, 'etcd', hasData);
  made.countStart();
  return made;
}

/** Server 1, which leads, is asked for admission in the name of server 2. Returns how the call ends, and what became of it. */
function asked(there: IdentityFile, wish: Wish, claim: Introduction) {
  const own = identity(1, true);
  const hearsay = new Hearsay(
    own,
    new Addresses().put(2, () => there.identity, wish),
  );
  const fences: Uint8Array[] = [];
  const replica = {
    status: () => ({ role: 'leader', leader: 1, configuration: simpleConfiguration([1, 2, 3]) }) as EngineStatus,
    fences: new Map(),
    submitAtOnce: (command: Uint8Array) => fences.push(command),
  } as unknown as Replica<unknown>;
  const shutOuts = new ShutOuts();
  const acceptor = { shutOut: (asker: Introduction) => shutOuts.begin(asker) } as PeerAcceptor<unknown>;
  const admissions = new Admissions(replica, own, hearsay, acceptor, 3, PEER_VERSIONS, 4096, {} as Log);
  const request = { introduction: claim, rejoin: true, bySurvivor: false, oldestVersion: 6, newestVersion: 0 };
  const call = Object.assign(new EventEmitter(), { request });
  const errors: unknown[] = [];
  call.on('error', (error) => errors.push(error));
  admissions.handle(call as never);
  const isDeaf = shutOuts.isDeafTo(2, own.identity);
  call.emit('close');
  return { errors, fences: fences.length, isDeaf };
}

const NOTHING = {
  errors: [{ code: status.UNAVAILABLE, details: expect.stringContaining('did not hear the same') }],
  fences: 0,
  isDeaf: false,
};

it('whoever asked in the name of a server that was well ended it', () => {
  const well = identity(2, true);
  const forged = { ...introductionOf(well.identity, false), instance: 'f'.repeat(32) };
  expect(asked(well, { rejoin: false, survivor: 0 }, forged)).toMatchObject(NOTHING);
  expect(asked(well, { rejoin: false, survivor: 0 }, introductionOf(well.identity, false))).toMatchObject(NOTHING);
});

it('who is empty is admitted with -rejoin where its operator said so, and not where somebody else did', () => {
  const empty = identity(2, false);
  const claim = introductionOf(empty.identity);
  expect(asked(empty, { rejoin: true, survivor: 0 }, claim)).toEqual({ errors: [], fences: 1, isDeaf: true });
  expect(asked(empty, { rejoin: false, survivor: 0 }, claim)).toMatchObject(NOTHING);
});
