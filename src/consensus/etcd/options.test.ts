import { describe, expect, it } from 'vitest';
import { checkOptions, DEFAULT_OPTIONS, InvalidOptionsError, ReadMode } from './options.ts';
import { OneNode } from './testing/oneNode.ts';

const valid = { ...DEFAULT_OPTIONS, id: 1, random: () => 0 };

describe('options', () => {
  it('are taken where they make sense', () => {
    expect(() => checkOptions(valid)).not.toThrow();
    expect(() => checkOptions({ ...valid, readMode: ReadMode.LeaseBased, checkQuorum: true })).not.toThrow();
    expect(() => checkOptions({ ...valid, inflightBytesMax: 10 })).not.toThrow();
    expect(() => checkOptions({ ...valid, inflightBytesMax: 20, messageBytesMax: 20 })).not.toThrow();
  });

  it.each([
    ['no id', { id: 0 }],
    ['no heartbeat', { heartbeatTicks: 0 }],
    ['an election timeout that a heartbeat cannot prevent', { electionTicks: 1 }],
    ['an empty window', { inflightMessagesMax: 0 }],
    ['a window smaller than a message', { inflightBytesMax: 10, messageBytesMax: 20 }],
    ['a lease that nobody checks', { readMode: ReadMode.LeaseBased }],
  ])('are refused with %s', (_what, wrong) => {
    expect(() => checkOptions({ ...valid, ...wrong })).toThrow(InvalidOptionsError);
    expect(() => new OneNode({ options: wrong })).toThrow(InvalidOptionsError);
  });
});
