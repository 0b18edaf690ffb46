import { expect, it } from 'vitest';
import { runCycles } from '../src/chaos/cycles/cycles.ts';

it('a cluster with TLS that is started, broken and ended again and again leaves nothing behind and keeps what it acknowledged', async () => {
  const told: string[] = [];
  const report = await runCycles({
    engine: 'hashicorp',
    cycles: 2,
    seed: 12,
    tls: true,
    faultsMs: 1500,
    onCycle: (number, { plan, acknowledged }) => told.push(`${number}: ${plan.end}, ${acknowledged}`),
  });
  expect(report.failure, told.join('\n')).toBeUndefined();
  expect(report).toMatchObject({ cycles: 2, found: report.acknowledged });
  expect(report.acknowledged).toBeGreaterThan(0);
  expect(report.steps).toBeGreaterThan(0);
}, 180_000);
