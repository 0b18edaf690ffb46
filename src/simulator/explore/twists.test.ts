import { describe, expect, it } from 'vitest';
import { simulatedEngine } from '../engines.ts';
import type { Twist } from '../runName.ts';
import { runSeed } from '../world.ts';

const engine = simulatedEngine('hashicorp');
const SEED = 21;
const TIMEOUT_MS = 240_000;

/** A run, with its trace as text. */
function traced(twists: readonly Twist[]) {
  const lines: string[] = [];
  const report = runSeed(engine, SEED, { twists, watches: true, print: (line) => lines.push(line) });
  return { report, lines };
}

describe('a twisted run', { timeout: TIMEOUT_MS }, () => {
  const plain = traced([]);
  const middle = plain.report.reached[Math.floor(plain.report.reached.length / 2)]!;
  const twist = { afterSteps: middle.afterSteps, variation: 1 };

  it('is watched without being changed', () => {
    const { reached, ...unwatched } = runSeed(engine, SEED);
    expect(reached).toEqual([]);
    expect({ ...unwatched, reached: plain.report.reached }).toEqual(plain.report);
    expect(plain.report.reached.length).toBeGreaterThan(50);
  });

  it('is the plain one up to its twist, reaches what that one reached by then, and goes another way from there on', () => {
    const { report, lines } = traced([twist]);
    expect(report.violation).toBeUndefined();
    const at = lines.findIndex((line) => line.includes('world') && line.includes('twist'));
    expect(at).toBeGreaterThan(10);
    expect(lines.slice(0, at)).toEqual(plain.lines.slice(0, at));
    expect(lines.slice(at + 1)).not.toEqual(plain.lines.slice(at));
    const until = (all: typeof report.reached) => all.filter(({ afterSteps }) => afterSteps <= twist.afterSteps);
    expect(until(report.reached)).toEqual(until(plain.report.reached));
  });

  it('comes back by its name, and no other variation is the same', () => {
    const run = (...twists: readonly Twist[]) => runSeed(engine, SEED, { twists });
    const once = run(twist);
    expect(run(twist)).toEqual(once);
    const other = run({ ...twist, variation: 2 });
    const deeper = run(twist, { afterSteps: twist.afterSteps + 1000, variation: 1 });
    const hashes = [plain.report, once, other, deeper].map(({ traceHash }) => traceHash);
    expect(new Set(hashes).size).toBe(4);
  });
});
