import { describe, expect, it } from 'vitest';
import type { LimitedLog } from '../observe/logLimiter.ts';
import { Originals } from './originals.ts';

function noted() {
  const lines: string[] = [];
  const keep = (_fields: object, line: string) => void lines.push(line);
  const originals = new Originals({ warn: keep, info: keep } as unknown as LimitedLog);
  return { lines, originals };
}

describe("the original's servers among the others", () => {
  it('are told of once, with what follows, and again where one of ours has taken the place of each', () => {
    const { lines, originals } = noted();
    for (const id of [3, 2, 3]) originals.met(id);
    expect(originals.ids).toEqual([2, 3]);
    expect(lines).toEqual([
      expect.stringMatching(/^this cluster is mixed: server 3 .*what a read finds can change/),
      expect.stringMatching(/^this cluster is mixed: server 2 /),
    ]);
    for (const id of [1, 2, 3]) originals.replaced(id);
    expect(originals.ids).toEqual([]);
    expect(lines.slice(2)).toEqual([
      'server 2 is one of ours by now; of the original there are still 3',
      "server 3 is one of ours by now; no server is known to be one of the original's",
    ]);
  });

  it('are out of reach from the snapshot that they would need to the log that they can have', () => {
    const { lines, originals } = noted();
    originals.met(2);
    expect([originals.takes(2, 'entries'), originals.takes(2, 'other'), originals.takes(2, 'misread')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(originals.outOfReach).toEqual([]);
    expect([originals.takes(2, 'snapshot'), originals.takes(2, 'snapshot')]).toEqual([false, false]);
    // Neither votes nor the heartbeats beside a snapshot bring it nearer.
    originals.takes(2, 'other');
    originals.takes(2, 'misread');
    expect(originals.outOfReach).toEqual([2]);
    expect(lines).toHaveLength(2);
    originals.takes(2, 'entries');
    expect(originals.outOfReach).toEqual([]);
    originals.takes(2, 'snapshot');
    originals.replaced(2);
    expect(originals.outOfReach).toEqual([]);
    expect(lines[2]).toBe(lines[1]);
  });

  it('are out of reach for good from an entry on that they do not know: they would pass over it', () => {
    const { lines, originals } = noted();
    originals.met(2);
    expect([originals.takes(2, 'unknown'), originals.takes(2, 'unknown')]).toEqual([false, false]);
    // Heartbeats are to go there still.
    expect(originals.takes(2, 'entries')).toBe(true);
    expect(originals.outOfReach).toEqual([2]);
    expect(lines.slice(1)).toEqual([expect.stringContaining('sent nothing from there on and stays behind')]);
    originals.replaced(2);
    expect(originals.outOfReach).toEqual([]);
  });
});
