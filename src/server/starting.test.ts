import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type handleUnaryCall, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { NO_SECURITY } from '../net/endpoints/security.ts';
import { NO_FENCE } from '../wire/fence.ts';
import { type Acquaintance, type AdmitRequest, type Introduction, PeerService } from '../wire/generated/peer.ts';
import { PEER_VERSIONS } from '../wire/peerVersions.ts';
import { fenceMetadata } from '../wire/reason.ts';
import { parseServerConfig, type ServerConfig } from './flags.ts';
import { Hearsay } from './identity/hearsay.ts';
import { introductionOf } from './identity/identity.ts';
import { IdentityFile, lastIdentity } from './identity/identityFile.ts';
import { Addresses } from './identity/testing/addresses.ts';
import type { Log } from './observe/log.ts';
import { Starting } from './starting.ts';
import { introduce } from './transport/peerAcceptor.ts';

const QUIET = { info: () => {}, warn: () => {} } as unknown as Log;

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0).reverse()) cleanUp();
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'rkv-starting-'));
  cleanUps.push(() => rmSync(made, { recursive: true }));
  return made;
}

/** Server 2 of two, a member that leads, takes server 1 for a voter or not, and admits nobody: it does not know how. */
async function leaderThatCannotAdmit(isVoter: boolean) {
  const { identity } = IdentityFile.open(folder(), 2, 'gorums', true);
  const asked = { admissions: 0, wake: () => {} };
  const server = new Server();
  const introduce: handleUnaryCall<Introduction, Acquaintance> = (_call, done) =>
    done(null, { introduction: introductionOf(identity), misfit: '', isVoter, leader: 2, known: [] });
  server.addService(PeerService, {
    introduce,
    admit: (call: { emit(name: string, error: object): void }) => {
      asked.admissions++;
      call.emit('error', { code: status.UNIMPLEMENTED, details: 'unknown method' });
      asked.wake();
    },
    stream: () => {},
  });
  return { asked, port: await listening(server) };
}

function listening(server: Server): Promise<number> {
  cleanUps.push(() => server.forceShutdown());
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
}

function starting(port: number, backend = 'gorums') {
  const identity = IdentityFile.open(folder(), 1, backend, false);
  const servers = `127.0.0.1:1,127.0.0.1:${port}`;
  const flags = ['-id=1', `-servers=${servers}`, '-cluster=1,2', '-rejoin', `-backend=${backend}`];
  const start = new Starting(parseServerConfig(flags) as ServerConfig, identity, QUIET, NO_SECURITY, PEER_VERSIONS);
  cleanUps.push(() => start.stop());
  return { identity, start };
}

describe('a server with -rejoin whose leader cannot admit it', () => {
  it('began with nothing, though it is a voter that has forgotten what it promised', async () => {
    const { asked, port } = await leaderThatCannotAdmit(true);
    const { identity, start } = starting(port);
    const askedAgain = new Promise<void>((resolve) => {
      asked.wake = () => asked.admissions >= 3 && resolve();
    });
    const allowed = start.untilAllowed();
    expect(await Promise.race([allowed, askedAgain])).toBeUndefined();
    start.stop();
    expect(await allowed).toBe('stopped');
    expect(identity.identity.stage).toBe('new');
  });

  it('begins with nothing where nobody knows its id', async () => {
    const { port } = await leaderThatCannotAdmit(false);
    const { start } = starting(port);
    expect(await start.untilAllowed()).toEqual({ kind: 'empty', as: { stage: 'member' } });
  });
});

it('a server asks again for admission with the fence that a leader told it of', async () => {
  const { identity } = IdentityFile.open(folder(), 2, 'gorums', true);
  const asked: AdmitRequest['after'][] = [];
  const introduce: handleUnaryCall<Introduction, Acquaintance> = (_call, done) =>
    done(null, { introduction: introductionOf(identity), misfit: '', isVoter: true, leader: 2, known: [] });
  const lasts = [7, 9].map((index) => ({ index, instance: String(index).repeat(32) }));
  let enough = () => {};
  const askedThrice = new Promise<void>((resolve) => {
    enough = resolve;
  });
  const server = new Server();
  server.addService(PeerService, {
    introduce,
    admit: (call: { request: AdmitRequest; emit(name: string, error: object): void }) => {
      const last = lasts[asked.length];
      asked.push(call.request.after);
      if (last === undefined) enough();
      else call.emit('error', { code: status.ABORTED, details: '', metadata: fenceMetadata('superseded', last) });
    },
    stream: () => {},
  });
  const { start } = starting(await listening(server));
  const allowed = start.untilAllowed();
  expect(await Promise.race([allowed, askedThrice])).toBeUndefined();
  expect(asked).toEqual([NO_FENCE, ...lasts]);
  start.stop();
  server.forceShutdown();
  expect(await allowed).toBe('stopped');
});

describe('a server that a member knows', () => {
  it('joined a cluster that was gone, though it had told the next founder that it was new', async () => {
    const { identity: founder } = IdentityFile.open(folder(), 2, 'gorums', true);
    const cluster = 'c'.repeat(32);
    const newAgain = introductionOf(IdentityFile.open(folder(), 2, 'gorums', false).identity);
    const rounds: boolean[] = [];
    let mayJoin = false;
    let enough = () => {};
    const asked = new Promise<void>((resolve) => {
      enough = resolve;
    });
    const own: { identity?: IdentityFile } = {};
    const introduce: handleUnaryCall<Introduction, Acquaintance> = ({ request }, done) => {
      // Whether the next founder would hear now that this server is new.
      rounds.push(own.identity!.answers(newAgain));
      const { instance, boots, life, admitted } = request;
      const us = { id: 1, instance, boots, life, admitted, ran: false };
      const isGone = !mayJoin && rounds.length % 2 === 0;
      const introduction = isGone ? newAgain : { ...introductionOf(founder), cluster };
      if (rounds.length === 4) enough();
      done(null, { introduction, misfit: '', isVoter: true, leader: 2, known: isGone ? [] : [us] });
    };
    const server = new Server();
    server.addService(PeerService, { introduce, admit: () => {}, stream: () => {} });
    const { identity, start } = starting(await listening(server));
    own.identity = identity;
    const allowed = start.untilAllowed();
    expect(await Promise.race([allowed, asked])).toBeUndefined();
    expect(rounds.slice(0, 3)).toEqual([true, false, true]);
    mayJoin = true;
    expect(await allowed).toMatchObject({ kind: 'empty', as: { stage: 'member', cluster } });
    expect(identity.answers(newAgain)).toBe(false);
  });
});

/** Server `id`, a member that answers who it is, and what it has against others, when it is told to. */
async function memberThatAnswers(id: number, misfit: string, when: Promise<unknown>) {
  const { identity } = IdentityFile.open(folder(), id, 'gorums', true);
  const server = new Server();
  const introduce: handleUnaryCall<Introduction, Acquaintance> = (_call, done) =>
    void when.then(() =>
      done(null, { introduction: introductionOf(identity), misfit, isVoter: true, leader: 0, known: [] }),
    );
  server.addService(PeerService, { introduce, admit: () => {}, stream: () => {} });
  return listening(server);
}

describe('a member that starts again', () => {
  async function restart(misfits: readonly string[], slow: Promise<unknown>, refused: (error: Error) => void) {
    const now = Promise.resolve();
    const ports = await Promise.all(misfits.map((each, at) => memberThatAnswers(at + 2, each, at === 0 ? now : slow)));
    const own = folder();
    IdentityFile.open(own, 1, 'gorums', true);
    const identity = IdentityFile.open(own, 1, 'gorums', true);
    const servers = ['127.0.0.1:1', ...ports.map((port) => `127.0.0.1:${port}`)].join();
    const config = parseServerConfig(['-id=1', `-servers=${servers}`, '-cluster=1,2,3']) as ServerConfig;
    const start = new Starting(config, identity, QUIET, NO_SECURITY, PEER_VERSIONS);
    cleanUps.push(() => start.stop());
    const told = { bound: false };
    const bind = async () => {
      // Nothing of this start is on disk before its data are bound to it.
      expect(identity.answers(introductionOf(identity.identity))).toBe(false);
      told.bound = true;
      identity.noteBound();
    };
    return { checked: start.checkMember(bind, refused), identity, own, told };
  }
  const unexpected = (error: Error) => expect.unreachable(error.message);

  it('waited a second, twice, for one that says nothing, and then heard nothing of what it had to say', async () => {
    let speak = () => {};
    const slow = new Promise<void>((resolve) => {
      speak = resolve;
    });
    let hear: (error: Error) => void = unexpected;
    const refusal = new Promise<Error>((resolve) => {
      hear = resolve;
    });
    const { checked, identity, own, told } = await restart(['', 'older-copy'], slow, hear);
    await checked;
    expect(told.bound).toBe(true);
    expect(lastIdentity(own)).toMatchObject({ life: identity.identity.life, isBound: true });
    expect(identity.answers(introductionOf(identity.identity))).toBe(true);
    // Had it been waited for to the end of its call, there would be nobody to hear this.
    speak();
    expect((await refusal).message).toContain('server 3 refuses this server: this folder is an older copy');
  });

  it('is refused before it counts by whoever answers in time', async () => {
    const { checked, identity, told } = await restart(['older-copy', ''], Promise.resolve(), unexpected);
    await expect(checked).rejects.toThrow('server 2 refuses this server: this folder is an older copy');
    expect(told.bound).toBe(false);
    expect(identity.answers(introductionOf(identity.identity))).toBe(false);
  });
});

it('a server that has just become a member tells those that it will never have to speak to', async () => {
  const peer = IdentityFile.open(folder(), 2, 'hashicorp', true);
  const addresses = new Addresses();
  const hearsay = new Hearsay(peer, addresses);
  const wish = { rejoin: false, survivor: 0 };
  const facts = { identity: peer, hearsay, wish, serverCount: 3, isVoter: () => true, leader: () => 0 };
  const server = new Server();
  const answer: handleUnaryCall<Introduction, Acquaintance> = (call, done) => introduce(facts, call, done);
  server.addService(PeerService, { introduce: answer, admit: () => {}, stream: () => {} });
  const { identity, start } = starting(await listening(server), 'hashicorp');
  addresses.put(1, () => identity.identity);
  await start.tellOfMember((error) => expect.unreachable(error.message));
  expect(peer.identity.known.size).toBe(0);
  identity.change({ stage: 'member' });
  await start.tellOfMember((error) => expect.unreachable(error.message));
  expect(peer.identity.known.get(1)).toMatchObject({ instance: identity.identity.instance, ran: true });
});
