import { describe, expect, it } from 'vitest';
import type { SnapshotContent } from '../../consensus/contract.ts';
import type { Restoring, SessionsBound } from '../../server/host/stateMachine.ts';
import { KeyValueStore } from '../../server/stateMachine/keyValueStore.ts';
import { BOUNDED_SNAPSHOT_VERSION } from '../../server/stateMachine/snapshotReader.ts';
import { simulatedEngine } from '../engines.ts';
import { drawPlan, type Plan } from '../plan.ts';
import { REGRESSIONS } from '../regressions.ts';
import { Totals } from '../totals.ts';
import { type RunReport, runSeed } from '../world.ts';

/** Seeds 1 to this many are run every time: enough that every fault happens, the rarest of them once or twice. */
const CORPUS_SEEDS = 160;
/** Of these, in which the bound of sessions begins at once. */
const BOUND_SEEDS = 16;
const TIMEOUT_MS = 240_000;

/** Wants the bound long before much is held, so that the entry goes through all that befalls entries. */
class BoundsSessionsAtOnce extends KeyValueStore {
  /** Of snapshots behind the entry. */
  restores = 0;

  override get sessionsBound(): SessionsBound {
    const bound = super.sessionsBound;
    return bound === 'unneeded' ? 'due' : bound;
  }

  override beginRestore(content: SnapshotContent): Restoring {
    if (content.read(0, 1)[0] === BOUNDED_SNAPSHOT_VERSION) this.restores++;
    return super.beginRestore(content);
  }
}

/** The simulator's part of the test suite for one engine. */
export function describeEngine(name: string): void {
  const engine = simulatedEngine(name);

  function expectNoFailure(totals: Totals): void {
    const failures = totals.failures.map(
      ({ seed, violation }) =>
        `${violation!.message}\n  replay: npm run simulate -- --engine ${name} --seed ${seed} --trace`,
    );
    expect(failures).toEqual([]);
  }

  function runRange(first: number, count: number): Totals {
    const totals = new Totals();
    for (let seed = first; seed < first + count; seed++) totals.add(runSeed(engine, seed));
    return totals;
  }

  describe(`the ${name} engine in the simulator`, () => {
    it(
      `survives the corpus, in which every planned fault happens`,
      () => {
        const totals = runRange(1, CORPUS_SEEDS);
        expectNoFailure(totals);
        expect(totals.neverHappened(engine)).toEqual([]);
        const plans = Array.from({ length: CORPUS_SEEDS }, (_, i) => drawPlan(i + 1));
        const sum = (of: (plan: Plan) => number) => plans.reduce((total, plan) => total + of(plan), 0);
        expect(totals.virtualSeconds).toBeGreaterThanOrEqual(sum(({ runMinUs }) => runMinUs / 1e6));
        expect(totals.operations).toBeGreaterThanOrEqual(sum(({ operationsMin }) => operationsMin));
        expect(totals.eventful).toBeGreaterThanOrEqual(CORPUS_SEEDS / 5);
      },
      TIMEOUT_MS,
    );

    it('runs a seed in the same way twice', () => {
      for (const seed of [1, 2, 3]) {
        const lines: string[] = [];
        const first = runSeed(engine, seed);
        const second = runSeed(engine, seed, { print: (line) => lines.push(line) });
        expect(second).toEqual(first);
        expect(first.traceHash).not.toBe(runSeed(engine, seed + 1000).traceHash);
        expect(lines.length).toBeGreaterThan(100);
      }
    });

    it(
      'takes the entry that bounds what sessions hold, and snapshots of what is behind it',
      () => {
        const stores: BoundsSessionsAtOnce[] = [];
        const stateMachine = () => {
          const store = new BoundsSessionsAtOnce();
          stores.push(store);
          return store;
        };
        const totals = new Totals();
        for (let seed = 1; seed <= BOUND_SEEDS; seed++)
          totals.add(runSeed(engine, seed, { mutation: { stateMachine, boundsSessions: true } }));
        expectNoFailure(totals);
        const bounded = stores.filter(({ sessionsBound }) => sessionsBound === 'in-force');
        expect(bounded.length).toBeGreaterThan(BOUND_SEEDS);
        expect(bounded.some(({ restores }) => restores > 0)).toBe(true);
      },
      TIMEOUT_MS,
    );

    const known = REGRESSIONS.filter((regression) => regression.engine === name);
    it.each(known)('still survives seed $seed: $found', ({ seed }) => {
      const report: RunReport = runSeed(engine, seed);
      expect(report.violation).toBeUndefined();
    });
  });
}
