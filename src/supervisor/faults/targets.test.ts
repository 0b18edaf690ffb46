import { expect, it } from 'vitest';
import { parseGroups, parseTargets } from './targets.ts';

it.each([
  ['leader', { kind: 'leader' }],
  ['follower', { kind: 'follower' }],
  ['followers', { kind: 'followers' }],
  ['all', { kind: 'all' }],
  ['2', { kind: 'ids', ids: [2] }],
  ['3,1,3', { kind: 'ids', ids: [1, 3] }],
  ...['', '0', '1,', ',1', '1 2', 'Leader', '1/2', '01', 'configs/3node.yaml', 'constructor'].map(
    (text) => [text, undefined] as const,
  ),
] as const)('the servers of %j', (text, targets) => {
  expect(parseTargets(text)).toEqual(targets);
});

it.each([
  ['1,2/3', [[1, 2], [3]]],
  ['3/2/1', [[3], [2], [1]]],
  ...['1', '1/', '/1', '1//2', 'leader/1', '1,2/3.yaml'].map((text) => [text, undefined] as const),
] as const)('the groups of %j', (text, groups) => {
  expect(parseGroups(text)).toEqual(groups);
});
