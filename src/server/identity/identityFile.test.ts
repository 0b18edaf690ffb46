import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ownFolder } from '../../files/testing/ownFolder.ts';
import { StorageOpenError } from '../storage/levelDisk.ts';
import { EARLIER_LIVES_MAX, introductionOf } from './identity.ts';
import { IDENTITY_FILE, IdentityFile, readIdentity, sealIdentity } from './identityFile.ts';
import { IdentityError } from './owner.ts';

describe("a folder's identity", () => {
  let folder: string;
  ownFolder('identity-file', (made) => {
    folder = made;
  });
  const open = (id = 1, engine = 'gorums', hasData = false) => IdentityFile.open(folder, id, engine, hasData);
  const path = () => join(folder, IDENTITY_FILE);

  it('is made once, counts the starts, and tells two starts apart', () => {
    const first = open().identity;
    const second = open().identity;
    expect(first).toMatchObject({ id: 1, engine: 'gorums', cluster: '', stage: 'new', boots: 1, admitted: 0 });
    expect(second).toMatchObject({ instance: first.instance, boots: 2 });
    expect(second.life).not.toBe(first.life);
    expect(second.earlierLives).toEqual([first.life]);
    expect(first.instance).toMatch(/^[0-9a-f]{32}$/);
    expect(statSync(path()).mode & 0o777).toBe(0o600);
  });

  it('says whether data were bound to the start that it names', () => {
    for (const isBound of [false, true]) {
      const start = open(1, 'gorums', true);
      if (isBound) start.noteBound();
      start.countStart();
      expect(JSON.parse(readFileSync(path(), 'utf8'))).toMatchObject({ format: isBound ? 2 : 1 });
      expect(open().identity.isBound).toBe(isBound);
    }
  });

  it('is of a member where data are there that no identity was written to', () => {
    expect(open(1, 'gorums', true).identity.stage).toBe('member');
  });

  it('of a member does not count a start that is refused, and keeps the names of the others', () => {
    const lives = [open(1, 'gorums', true).identity.life];
    for (let i = 0; i < EARLIER_LIVES_MAX + 3; i++) {
      const before = readFileSync(path(), 'utf8');
      const refused = open();
      refused.meet({ ...refused.identity, id: 2, isMember: true });
      expect(readFileSync(path(), 'utf8')).toBe(before);
      const next = open();
      expect(next.identity.boots).toBe(i + 2);
      expect(next.identity.earlierLives).toEqual(lives.slice(0, EARLIER_LIVES_MAX));
      next.meet({ ...next.identity, id: 3, isMember: true });
      next.countStart();
      lives.unshift(next.identity.life);
    }
    expect([...open().identity.known.keys()]).toEqual([3]);
  });

  it('remembers a member before its messages are used, and one that does not take part not at all', () => {
    const own = open(1, 'gorums', true);
    const other = mkdtempSync(join(tmpdir(), 'rkv-identity-file-'));
    const peer = IdentityFile.open(other, 2, 'gorums', true);
    expect(own.meet({ ...introductionOf(peer.identity), isMember: false })).toBeUndefined();
    expect(own.identity.known.size).toBe(0);
    expect(own.meet(introductionOf(peer.identity))).toBeUndefined();
    const again = IdentityFile.open(other, 2, 'gorums', true);
    expect(own.meet(introductionOf(again.identity))).toBeUndefined();
    // What is on disk says so too: the earlier start is an older copy from now on.
    expect(open().meet(introductionOf(peer.identity))).toBe('older-copy');
    rmSync(other, { recursive: true });
  });

  it('takes over the cluster of a member that it speaks to, and keeps it', () => {
    const own = open(1, 'gorums', true);
    const claim = { ...own.identity, id: 2, isMember: true };
    expect(own.meet({ ...claim, cluster: 'a' })).toBeUndefined();
    expect(open().identity.cluster).toBe('a');
    expect(own.meet({ ...claim, id: 3, cluster: 'b' })).toBe('other-cluster');
  });

  it('keeps whether a server was met as a member, and takes it for granted where an earlier version did not say', () => {
    const own = open(1, 'gorums', true);
    const server = { instance: 'i', boots: 1, life: 'l', admitted: 0 };
    own.change({
      known: new Map([
        [2, { ...server, ran: false }],
        [3, { ...server, ran: true }],
      ]),
    });
    expect([...open().identity.known.values()].map(({ ran }) => ran)).toEqual([false, true]);
    expect(own.meet({ ...own.identity, ...server, id: 2, isMember: true })).toBeUndefined();
    expect(open().identity.known.get(2)!.ran).toBe(true);
    const { checksum: _, ...whole } = readIdentity(folder)!;
    writeFileSync(path(), JSON.stringify(sealIdentity({ ...whole, known: { 2: server } })));
    expect(open().identity.known.get(2)!.ran).toBe(true);
  });

  it('takes over the cluster only of a server that it knows, once it knows any', () => {
    const own = open(1, 'gorums', true);
    const claim = { ...own.identity, isMember: true };
    for (const [id, cluster] of [
      [2, ''],
      [3, 'a'],
    ] as const) {
      expect(own.meet({ ...claim, id, cluster })).toBeUndefined();
      expect(own.identity.cluster).toBe('');
    }
    expect(own.meet({ ...claim, id: 2, cluster: 'b' })).toBeUndefined();
    expect(own.identity.cluster).toBe('b');
  });

  it('of a new server took over the cluster of a stranger that asked it, and knew the stranger', () => {
    const own = open();
    expect(own.meet({ ...own.identity, id: 2, isMember: true, cluster: 'a' })).toBeUndefined();
    for (const { cluster, known } of [own.identity, open().identity]) {
      expect(cluster).toBe('');
      expect(known.size).toBe(0);
    }
  });

  it('of a member is not told to anybody before its start is on disk', () => {
    open(1, 'gorums', true).countStart();
    const again = open();
    const member = { ...introductionOf(again.identity), id: 2 };
    expect(again.answers(member)).toBe(false);
    again.countStart();
    expect(again.answers(member)).toBe(true);
  });

  it('of a server that is about to join is told to members only, until it has joined', () => {
    const own = open();
    const stranger = { ...introductionOf(own.identity), id: 2 };
    const member = { ...stranger, isMember: true };
    expect(own.answers(stranger)).toBe(true);
    own.joins = true;
    expect(own.answers(stranger)).toBe(false);
    expect(own.answers(member)).toBe(true);
    own.change({ stage: 'member', cluster: 'a' });
    expect(own.answers(stranger)).toBe(true);
  });

  it('goes with its folder when that gets another name, also where there is no folder yet', () => {
    const file = open(1, 'gorums', true);
    file.countStart();
    const other = join(folder, 'deeper', 'other');
    file.movedTo(other);
    file.change({ cluster: 'a' });
    expect(readIdentity(other)?.cluster).toBe('a');
    expect(readIdentity(folder)?.cluster).toBe('');
  });

  it('of a member that cannot be written is not told to anybody, and says where', () => {
    open(1, 'gorums', true);
    const file = open();
    writeFileSync(join(folder, 'in the way'), '');
    file.movedTo(join(folder, 'in the way', 'log'));
    expect(() => file.countStart()).toThrow(StorageOpenError);
    expect(() => file.countStart()).toThrow(/in the way.*expected a directory that can be read and written/);
    expect(file.answers({ ...introductionOf(file.identity), id: 2 })).toBe(false);
  });

  it('survives a crash while it was written', () => {
    const { instance } = open().identity;
    writeFileSync(`${path()}.new`, '{"format":1,"id":');
    expect(open().identity.instance).toBe(instance);
  });

  it.each([
    ['another server', () => open(2), /was written by server 1, this is server 2/],
    ['another backend', () => open(1, 'etcd'), /was written by the gorums backend, which etcd would misread/],
  ])('refuses %s', (_name, reopen, message) => {
    open();
    const before = readFileSync(path(), 'utf8');
    expect(reopen).toThrow(IdentityError);
    expect(reopen).toThrow(message);
    expect(reopen).toThrow(expect.objectContaining({ remedy: expect.stringMatching(/-datadir/) }));
    expect(readFileSync(path(), 'utf8')).toBe(before);
  });

  it('refuses a file with any flipped bit: in an instance it would have honest servers refuse each other', () => {
    open();
    const intact = readFileSync(path());
    for (let at = 0; at < intact.length; at++) {
      const flipped = Uint8Array.from(intact);
      flipped[at] = flipped[at]! ^ 1;
      writeFileSync(path(), flipped);
      expect(() => readIdentity(folder), `byte ${at}`).toThrow(IdentityError);
    }
    writeFileSync(path(), intact);
    expect(readIdentity(folder)).toMatchObject({ id: 1 });
  });

  it.each([
    ['nothing', ''],
    ['half of it', '{"format":1,"id":1,'],
    ['a later format', '{"format":3}'],
    ['another thing', '[1,2,3]'],
  ])('refuses a file that holds %s', (_name, content) => {
    writeFileSync(path(), content);
    expect(() => readIdentity(folder)).toThrow(/does not say who wrote this folder/);
  });

  it('reads no endless file and waits for no pipe in its place', () => {
    writeFileSync(path(), `{"format":1,"engine":"${'x'.repeat(2 ** 20)}"}`);
    expect(() => readIdentity(folder)).toThrow(/cannot read .* is too large/);
    rmSync(path());
    execFileSync('mkfifo', [join(folder, IDENTITY_FILE)]);
    expect(() => readIdentity(folder)).toThrow(/cannot read .*is a pipe or a device: expected a regular file/);
  });
});
