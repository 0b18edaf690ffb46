import { describe, expect, it } from 'vitest';
import { parseGroups, parseTargets, resolveTargets, type Standing } from './targets.ts';

it.each([
  ['leader', { kind: 'leader' }],
  ['follower', { kind: 'follower' }],
  ['followers', { kind: 'followers' }],
  ['all', { kind: 'all' }],
  ['2', { kind: 'ids', ids: [2] }],
  ['3,1,3', { kind: 'ids', ids: [1, 3] }],
  ...['', '0', '1,', ',1', '1 2', 'Leader', '1/2', '01', 'configs/3node.yaml', 'constructor', 'old', 'not old'].map(
    (text) => [text, undefined] as const,
  ),
] as const)('the servers of %j', (text, targets) => {
  expect(parseTargets(text)).toEqual(targets);
});

it.each([
  ['old', { kind: 'named', names: ['old'], isLeftOut: false }],
  ['not old', { kind: 'named', names: ['old'], isLeftOut: true }],
  ['not old,old', { kind: 'named', names: ['old', 'old'], isLeftOut: true }],
  ['not old,new', undefined],
  ['leader', { kind: 'leader' }],
  ['new', undefined],
  ['not  old', undefined],
  ['not leader', undefined],
])('the servers of %j where a scenario calls some old', (text, targets) => {
  expect(parseTargets(text, ['old'])).toEqual(targets);
});

it.each([
  ['1,2/3', [[1, 2], [3]]],
  ['3/2/1', [[3], [2], [1]]],
  ...['1', '1/', '/1', '1//2', 'leader/1', '1,2/3.yaml'].map((text) => [text, undefined] as const),
] as const)('the groups of %j', (text, groups) => {
  expect(parseGroups(text)).toEqual(groups);
});

describe('targets are resolved', () => {
  const standing: Standing = {
    ids: [1, 2, 3, 4],
    leader: 2,
    running: [2, 3, 4],
    named: new Map([
      ['old', [1, 3]],
      ['four', [4]],
    ]),
  };

  it.each([
    ['leader', [2]],
    ['follower', [3]],
    ['followers', [3, 4]],
    ['all', [1, 2, 3, 4]],
    ['4,1', [1, 4]],
    ['old', [1, 3]],
    ['not old', [2, 4]],
    ['not old,four', [2]],
    ['old,four', [1, 3, 4]],
    ['5', 'no server 5: expected one of 1, 2, 3, 4'],
    ['new', 'no server is called new yet'],
  ])('%s', (text, expected) => {
    expect(resolveTargets(parseTargets(text, ['old', 'four', 'new'])!, standing)).toEqual(expected);
  });

  it('by role where somebody leads, and follows', () => {
    const nobody = 'nobody leads at the moment, so that there is no leader: name ids, or try again';
    expect(resolveTargets({ kind: 'leader' }, { ...standing, leader: undefined })).toBe(nobody);
    expect(resolveTargets({ kind: 'follower' }, { ...standing, running: [2] })).toBe('no server follows the leader');
  });
});
