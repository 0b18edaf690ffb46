import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Acquaintance } from '../../wire/generated/peer.ts';
import { Hearsay } from '../identity/hearsay.ts';
import { introductionOf } from '../identity/identity.ts';
import { IdentityFile } from '../identity/identityFile.ts';
import { Addresses } from '../identity/testing/addresses.ts';
import { introduce } from './peerAcceptor.ts';

describe('the answer to an introduction', () => {
  const folders: string[] = [];
  let folder = '';
  let asker: IdentityFile;
  let addresses: Addresses;
  const made = () => {
    const path = mkdtempSync(join(tmpdir(), 'rkv-acceptor-'));
    folders.push(path);
    return path;
  };
  beforeEach(() => {
    folder = made();
    asker = IdentityFile.open(made(), 2, 'gorums', true);
    addresses = new Addresses().put(2, () => asker.identity);
  });
  afterEach(() => {
    for (const path of folders.splice(0)) rmSync(path, { recursive: true });
  });

  function answerOf(identity: IdentityFile, request = introductionOf(asker.identity)) {
    let found: { error: Partial<ServiceError> | null; answer: Acquaintance | null | undefined } | undefined;
    const hearsay = new Hearsay(identity, addresses);
    const wish = { rejoin: true, survivor: 0 };
    const facts = { identity, hearsay, wish, serverCount: 3, isVoter: () => true, leader: () => 0 };
    introduce(facts, { request } as never, (error, answer) => {
      found = { error, answer };
    });
    return found!;
  }

  it('told others of a start that was not on disk: killed then, all later ones were older copies to them', () => {
    IdentityFile.open(folder, 1, 'gorums', true);
    const killed = IdentityFile.open(folder, 1, 'gorums', false);
    expect(answerOf(killed)).toMatchObject({ error: { code: status.UNAVAILABLE } });
    const next = IdentityFile.open(folder, 1, 'gorums', false);
    next.countStart();
    const { error, answer } = answerOf(next);
    expect(error).toBeNull();
    expect(answer?.introduction).toMatchObject({ isMember: true, life: next.identity.life });
    expect(asker.meet(introductionOf(next.identity))).toBeUndefined();
  });

  it('noted every server that a stranger made up, until the next start could not read so many', () => {
    const member = IdentityFile.open(folder, 1, 'gorums', true);
    member.countStart();
    for (let id = 4; id < 30; id++) {
      const { error, answer } = answerOf(member, { ...introductionOf(asker.identity), id });
      expect(error).toBeNull();
      expect(answer?.introduction).toMatchObject({ id: 1 });
    }
    expect(member.identity.known.size).toBe(0);
    answerOf(member);
    expect([...member.identity.known.keys()]).toEqual([2]);
  });

  it('of a new server is given at once, for its start is on disk', () => {
    const { answer } = answerOf(IdentityFile.open(folder, 1, 'gorums', false));
    expect(answer?.introduction).toMatchObject({ isMember: false });
    expect(answer).toMatchObject({ rejoin: true, survivor: 0 });
    expect(addresses.asked).toEqual([]);
  });

  it('noted whatever a stranger said of another server, which was an older copy from then on', () => {
    const member = IdentityFile.open(folder, 1, 'gorums', true);
    member.countStart();
    expect(answerOf(member).error).toBeNull();
    const { known } = member.identity;
    const truth = introductionOf(asker.identity);
    const forged = [
      { admitted: 2 ** 52 },
      { admitted: 2 ** 52, instance: 'f'.repeat(32) },
      { boots: 2 ** 52, life: 'e'.repeat(16), earlierLives: [truth.life] },
    ];
    for (const part of forged) {
      expect(answerOf(member, { ...truth, ...part }).error).toMatchObject({
        code: status.UNAVAILABLE,
        details: expect.stringContaining('did not hear the same at the address'),
      });
    }
    expect(member.identity.known).toBe(known);
    // What does not fit is answered without a question, as ever.
    const { length } = addresses.asked;
    expect(answerOf(member, { ...truth, instance: 'f'.repeat(32) }).answer).toMatchObject({ misfit: 'forgotten' });
    expect(answerOf(member).answer).toMatchObject({ misfit: '' });
    expect(addresses.asked.length).toBe(length);
  });

  it('is that of one who is silent where what was heard cannot be noted', () => {
    const member = IdentityFile.open(folder, 1, 'gorums', true);
    member.countStart();
    rmSync(folder, { recursive: true });
    writeFileSync(folder, '');
    expect(answerOf(member).error).toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringContaining('cannot note whom it speaks to'),
    });
    expect(member.identity.known.size).toBe(0);
  });
});
