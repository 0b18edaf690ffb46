import { describe, expect, it } from 'vitest';
import type { EngineInit, EngineSettings } from '../contract.ts';
import { TEST_SETTINGS } from '../testing/engineCluster.ts';
import { TickClock } from './clock.ts';
import { checkOptions, DEFAULT_OPTIONS, InvalidOptionsError, optionsFor, ReadMode, SERVED } from './options.ts';
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

describe('the settings of all engines, in this one’s terms', () => {
  const optionsOf = (settings: Partial<EngineSettings>, heartbeatMs = 10) => {
    const all = { ...TEST_SETTINGS, heartbeatMs, ...settings };
    const random = () => 0;
    return optionsFor({ id: 3, settings: all, random } as EngineInit, new TickClock(all, 0));
  };

  it('are what a server that serves goes by, and nothing else', () => {
    const { random, ...options } = optionsOf({ electionTimeoutMs: 100, checkQuorum: true, maxMessageBytes: 1 << 20 });
    expect(random()).toBe(0);
    expect(options).toEqual({
      ...DEFAULT_OPTIONS,
      ...SERVED,
      id: 3,
      electionTicks: 10,
      heartbeatTicks: 1,
      tickMs: 10,
      entriesPerMessageMax: TEST_SETTINGS.entriesPerMessage,
      messageBytesMax: 1 << 20,
      applyingBytesMax: 16 << 20,
      inflightMessagesMax: Math.max(64, TEST_SETTINGS.catchUpMultiplier),
      inflightBytesMax: 64 << 20,
      checkQuorum: true,
    });
  });

  it('leave a window of 64 messages at least, and of as many entries with batching as without', () => {
    const window = (batch: boolean, entriesPerMessage: number, catchUpMultiplier: number) => {
      const { entriesPerMessageMax, inflightMessagesMax } = optionsOf({ batch, entriesPerMessage, catchUpMultiplier });
      return [entriesPerMessageMax, inflightMessagesMax];
    };
    expect([window(true, 8, 100), window(false, 8, 100)]).toEqual([
      [8, 100],
      [1, 800],
    ]);
    expect([window(true, 8, 63), window(false, 3, 21), window(false, 3, 22)]).toEqual([
      [8, 64],
      [1, 64],
      [1, 66],
    ]);
  });

  it('let the largest message fit in the window', () => {
    expect(optionsOf({ maxMessageBytes: 65 << 20 }).inflightBytesMax).toBe(65 << 20);
    expect(() => checkOptions(optionsOf({ maxMessageBytes: 65 << 20 }))).not.toThrow();
  });
});
