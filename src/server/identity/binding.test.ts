import { describe, expect, it } from 'vitest';
import { checkBinding, type LastStart, OtherStartError, objectionToData } from './binding.ts';

const member = (boots: number, part: Partial<LastStart> = {}): LastStart => {
  return { stage: 'member', boots, life: `life ${boots}`, isBound: true, ...part };
};
/** Data that start `boots` bound to itself, when the identity named the start before it, or another one. */
const bound = (boots: number, previous = `life ${boots - 1}`, life = `life ${boots}`) => {
  return { count: boots, boots, life, previous };
};

describe('a server with an identity goes on with', () => {
  it.each([
    ['data of the start that it names', member(5), bound(5)],
    ['data of a start that it does not name yet', member(5), bound(6)],
    ['data of the second such start in turn', member(5), bound(6, 'life 5', 'another life 6')],
    ['data of a version that bound nothing, where it is of that version', member(5, { isBound: false }), undefined],
    ['such data where the first start that binds did not get to the identity', member(5, { isBound: false }), bound(6)],
    ['what a first start bound to itself', member(1, { isBound: false }), bound(1, '')],
    ['whatever lies there while it has promised nothing', member(2, { stage: 'new' }), bound(1)],
    ['nothing, while it has promised nothing', member(2, { stage: 'new', isBound: false }), undefined],
    ['data of a version without identities, where there is none', undefined, undefined],
  ])('%s', (_, last, found) => {
    expect(objectionToData(last, found)).toBeUndefined();
    expect(() => checkBinding('/data/rkvd-1', last, found)).not.toThrow();
  });
});

describe('a server refuses to go on', () => {
  it.each([
    [
      'with older data',
      member(9),
      bound(5),
      /start 9 of this folder, the promise file of start 5: all but identity.json is older/,
    ],
    ['with data of the start before', member(6), bound(5), /of start 5: all but identity.json is older/],
    ['with an older identity', member(5), bound(9), /of start 5 .* of start 9: identity.json is older than the rest/],
    ['with data of a copy that was started as often', member(5), bound(5, 'life 4', 'x'), /each was started apart/],
    ['with data that nothing was bound to', member(5), undefined, /start 5 .*no promise file of that time is here/],
    ['without an identity, where there was one', undefined, bound(5), /identity.json is gone: start 5 wrote one/],
    [
      'with newer data, where its identity is of an earlier version',
      member(5, { isBound: false }),
      bound(7),
      /identity.json is older/,
    ],
  ])('%s', (_, last, found, words) => {
    const refuse = () => checkBinding('/data/rkvd-1', last, found);
    expect(refuse).toThrow(OtherStartError);
    expect(refuse).toThrow(words);
    expect(refuse).toThrow(/^\/data\/rkvd-1: /);
    expect(refuse).toThrow(expect.objectContaining({ remedy: expect.stringContaining('-rejoin') }));
  });
});
