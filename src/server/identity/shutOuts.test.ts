import { describe, expect, it } from 'vitest';
import {
  blankIdentity,
  type Identity,
  type Introduction,
  introductionOf,
  startedAgain,
  withKnown,
} from './identity.ts';
import { ShutOuts } from './shutOuts.ts';

const OWN: Identity = { ...blankIdentity(1, 'etcd', 'own', 'member'), cluster: 'c' };

/** Server 2 at its `starts`-th start of the folder `instance`. */
function folder(instance: string, starts: number, admitted = 0): Introduction {
  let identity = blankIdentity(2, 'etcd', instance, admitted > 0 ? 'member' : 'new');
  for (let start = 1; start <= starts; start++) identity = startedAgain(identity, `${instance}-${start}`);
  return introductionOf({ ...identity, admitted, cluster: admitted > 0 ? 'c' : '' });
}

/** As a peer's hello is taken: who is not refused is met. Returns whether it is heard then. */
function hello(shutOuts: ShutOuts, own: Identity, claim: Introduction): { heard: boolean; own: Identity } {
  if (shutOuts.refuses(claim, own)) return { heard: false, own };
  const met = withKnown(own, claim);
  shutOuts.met(claim);
  return { heard: !shutOuts.isDeafTo(claim.id, met), own: met };
}

function given(asker: Introduction, index: number): ShutOuts {
  const shutOuts = new ShutOuts();
  const shutOut = shutOuts.begin(asker);
  shutOut.given(index);
  shutOut.over();
  return shutOuts;
}

describe('a server that was given a state', () => {
  it('is heard once it has that, or a later one', () => {
    for (const index of [27, 30]) expect(hello(given(folder('b', 1), 27), OWN, folder('b', 1, index)).heard).toBe(true);
  });

  it('is heard as another folder that was admitted as far as it, or farther', () => {
    for (const index of [27, 28]) expect(hello(given(folder('b', 1), 27), OWN, folder('c', 1, index)).heard).toBe(true);
    expect(hello(given(folder('b', 1), 27), OWN, folder('c', 1, 26)).heard).toBe(false);
  });

  it('is not heard as what it was before', () => {
    const shutOuts = given(folder('b', 1), 27);
    expect(hello(shutOuts, OWN, folder('a', 9, 12)).heard).toBe(false);
    // Nor as a copy of its folder from before it asked.
    const copy = given(folder('b', 3), 27);
    expect(hello(copy, OWN, folder('b', 2, 26)).heard).toBe(false);
  });

  it('was never heard again where a request of it came late, or twice, and another answer had made it a member', () => {
    // simulator, etcd seed 7000286
    for (const starts of [1, 2, 5]) {
      const shutOuts = given(folder('b', 1), 27);
      const { heard, own } = hello(shutOuts, OWN, folder('b', starts, 26));
      expect(heard).toBe(true);
      expect(shutOuts.isDeafTo(2, own)).toBe(false);
    }
  });

  it('is not heard while it is being admitted', () => {
    const shutOuts = new ShutOuts();
    const shutOut = shutOuts.begin(folder('b', 1));
    expect(hello(shutOuts, OWN, folder('b', 1, 26)).heard).toBe(false);
    shutOut.over();
    expect(hello(shutOuts, OWN, folder('b', 1, 26)).heard).toBe(true);
  });

  it('stays shut out as before where it asks once more and is given nothing', () => {
    const shutOuts = given(folder('b', 1), 27);
    const again = shutOuts.begin(folder('c', 1));
    expect(hello(shutOuts, OWN, folder('b', 1, 27)).heard).toBe(false);
    again.over();
    expect(hello(shutOuts, OWN, folder('b', 1, 26 + 1)).heard).toBe(true);
    const other = given(folder('b', 1), 27);
    other.begin(folder('c', 1)).over();
    expect(hello(other, OWN, folder('a', 1, 26)).heard).toBe(false);
  });

  it('is heard as another server would be: nobody else is shut out with it', () => {
    const shutOuts = given(folder('b', 1), 27);
    expect(shutOuts.isDeafTo(3, OWN)).toBe(false);
    expect(shutOuts.refuses({ ...folder('a', 9), id: 3 }, OWN)).toBe(false);
  });

  it('is heard at once where it was met as far already', () => {
    const met = (index: number) => withKnown(OWN, folder('b', 1, index));
    expect(given(folder('b', 1), 27).isDeafTo(2, met(26))).toBe(true);
    for (const index of [27, 28]) {
      const shutOuts = given(folder('b', 1), 27);
      expect(shutOuts.isDeafTo(2, met(index))).toBe(false);
      expect(shutOuts.refuses(folder('a', 9, 3), met(index))).toBe(false);
    }
  });

  it('stays shut out where another folder is met that was admitted as far, until that is noted', () => {
    const shutOuts = given(folder('b', 1), 27);
    const claim = folder('c', 1, 27);
    expect(shutOuts.refuses(claim, OWN)).toBe(false);
    shutOuts.met(claim);
    expect(shutOuts.isDeafTo(2, OWN)).toBe(true);
    expect(shutOuts.isDeafTo(2, withKnown(OWN, claim))).toBe(false);
  });

  it('is taken for the one that asked only as a member of that folder, admitted since, at that start or a later one', () => {
    const asked = folder('b', 2);
    const later = folder('b', 4, 26);
    const cases: [string, Introduction, boolean][] = [
      ['at that start', folder('b', 2, 26), true],
      ['at a later one', later, true],
      ['at an earlier one', folder('b', 1, 26), false],
      ['not as a member', { ...later, isMember: false }, false],
      ['not admitted', { ...later, admitted: 0 }, false],
      ['of another folder', { ...later, instance: 'a' }, false],
    ];
    for (const [what, claim, isHeard] of cases) {
      expect(given(asked, 27).refuses(claim, OWN), what).toBe(!isHeard);
      // While it is asked for, nobody is.
      const shutOuts = new ShutOuts();
      shutOuts.begin(asked);
      expect(shutOuts.refuses(claim, OWN), what).toBe(true);
    }
  });
});
