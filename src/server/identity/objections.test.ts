import { expect, it } from 'vitest';
import { Objections } from './objections.ts';

it('believes one that remembers more at once, and that its folder belongs elsewhere only of most initial members', () => {
  const objections = new Objections([1, 2, 3]);
  expect(objections.areDecisive(4, 'forgotten')).toBe(true);
  expect(objections.areDecisive(4, 'older-copy')).toBe(true);
  expect(objections.areDecisive(2, 'other-engine')).toBe(false);
  expect(objections.areDecisive(2, 'other-cluster')).toBe(false);
  expect(objections.areDecisive(4, 'other-cluster')).toBe(false);
  expect(objections.areDecisive(2, 'other-cluster')).toBe(false);
  objections.withdrawnBy(2);
  expect(objections.areDecisive(3, 'other-cluster')).toBe(false);
  expect(objections.areDecisive(2, 'other-cluster')).toBe(true);
});

it('two wrong folders, one put right before the other was wrong, ended a server that was right', () => {
  // simulator, etcd seed 7001265
  const objections = new Objections([1, 2, 3]);
  expect(objections.areDecisive(2, 'other-cluster')).toBe(false);
  objections.withdrawnBy(2);
  expect(objections.areDecisive(3, 'other-cluster')).toBe(false);
});

it('takes half of the initial members for no majority of them', () => {
  const objections = new Objections([1, 2, 3, 4]);
  expect(objections.areDecisive(2, 'other-cluster')).toBe(false);
  expect(objections.areDecisive(3, 'other-cluster')).toBe(false);
  expect(objections.areDecisive(4, 'other-cluster')).toBe(true);
});

it('counts nobody who has something else against it for one who takes it for another cluster’s', () => {
  const objections = new Objections([1, 2, 3]);
  for (const peer of [2, 3]) expect(objections.areDecisive(peer, 'other-engine')).toBe(false);
  expect(objections.areDecisive(2, 'other-cluster')).toBe(false);
});
