import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type handleUnaryCall, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { type Acquaintance, type Introduction, PeerService } from '../wire/generated/peer.ts';
import { parseServerConfig } from './flags.ts';
import { introductionOf } from './identity/identity.ts';
import { IdentityFile } from './identity/identityFile.ts';
import type { Log } from './observe/log.ts';
import { Starting } from './starting.ts';

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
  cleanUps.push(() => server.forceShutdown());
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { asked, port };
}

function starting(port: number, backend = 'gorums') {
  const identity = IdentityFile.open(folder(), 1, backend, false);
  const servers = `127.0.0.1:1,127.0.0.1:${port}`;
  const flags = ['-id=1', `-servers=${servers}`, '-cluster=1,2', '-rejoin', `-backend=${backend}`];
  const start = new Starting(parseServerConfig(flags)!, identity, QUIET);
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
    const { identity, start } = starting(port);
    expect(await start.untilAllowed()).toBe('empty');
    expect(identity.identity.stage).toBe('member');
  });
});
