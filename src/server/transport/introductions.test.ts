import { type handleUnaryCall, Server, ServerCredentials } from '@grpc/grpc-js';
import { expect, it, onTestFinished, vi } from 'vitest';
import { NO_SECURITY } from '../../net/endpoints/security.ts';
import { type Acquaintance, PeerService } from '../../wire/generated/peer.ts';
import { blankIdentity, EARLIER_LIVES_MAX, introductionOf, startedAgain } from '../identity/identity.ts';
import { Introducer } from './introductions.ts';

const identityOf = (id: number) =>
  introductionOf(startedAgain(blankIdentity(id, 'etcd', String(id).repeat(32), 'member'), '0123456789abcdef'));

/** Asks server 2, which gives this answer. */
async function ask(answer: Acquaintance) {
  const server = new Server();
  const introduce: handleUnaryCall<unknown, unknown> = (_call, done) => done(null, answer);
  server.addService({ introduce: PeerService.introduce }, { introduce });
  onTestFinished(() => server.forceShutdown());
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const introducer = new Introducer(2, { host: '127.0.0.1', port }, NO_SECURITY);
  onTestFinished(() => introducer.close());
  return introducer.ask(identityOf(1), 10_000);
}

const ANSWER: Acquaintance = {
  introduction: { ...identityOf(2), earlierLives: [] },
  misfit: '',
  isVoter: true,
  leader: 0,
  known: [],
};

it('a proxy of the environment stood between servers that asked each other who they are', async () => {
  vi.stubEnv('http_proxy', 'http://127.0.0.1:9');
  vi.stubEnv('grpc_proxy', 'http://127.0.0.1:9');
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(await ask(ANSWER)).toMatchObject({ kind: 'introduced', introduction: { id: 2 } });
});

it('an answer of many starts and acquaintances was larger than the least -maxgrpc, and not heard', async () => {
  const earlierLives = Array.from({ length: EARLIER_LIVES_MAX }, (_, at) => at.toString(16).padStart(16, '0'));
  const known = Array.from({ length: 62 }, (_, at) => {
    return { id: at + 3, instance: 'f'.repeat(32), boots: 99, life: 'e'.repeat(16), admitted: 2 ** 40, ran: true };
  });
  const answer = await ask({ ...ANSWER, introduction: { ...identityOf(2), earlierLives }, known });
  expect(answer).toMatchObject({ kind: 'introduced', introduction: { earlierLives: { length: EARLIER_LIVES_MAX } } });
});
