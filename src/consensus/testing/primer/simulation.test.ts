import { expect, it } from 'vitest';
import { drawPlan } from '../../../simulator/plan.ts';
import { runSeed } from '../../../simulator/world.ts';
import { engine } from './index.ts';

const SEEDS = 15;
const TIMEOUT_MS = 120_000;

it(
  `${SEEDS} seeds of the simulator break no rule, and get somewhere`,
  () => {
    let committed = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const report = runSeed(engine, seed);
      expect(report.violation, `seed ${seed}`).toBeUndefined();
      expect(report.virtualSeconds).toBeGreaterThanOrEqual(drawPlan(seed).runMinUs / 1e6);
      committed += report.committed;
    }
    expect(committed).toBeGreaterThan(100 * SEEDS);
  },
  TIMEOUT_MS,
);
