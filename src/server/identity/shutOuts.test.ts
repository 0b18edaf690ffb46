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
});
