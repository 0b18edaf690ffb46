import { expect, it } from 'vitest';
import { sampleRun } from '../testing/sampleRun.ts';
import type { ReportRun } from './reportRun.ts';
import { scalabilityCharts } from './scalabilityChart.ts';

const LAW = { alonePerSecond: 800, contention: 0.02, coherence: 0 };
const KNEE = { name: 'gorums', ...LAW, kneeClients: 5, kneePerSecond: 3700, peakClients: null, peakPerSecond: null };

function runOf(name: string, clients: number, perSecond: number): ReportRun {
  const run = sampleRun(name, [1000]);
  const settings = { ...run.settings, load: { ...run.settings.load, clients } };
  const throughput = { mean: perSecond, low: null, high: null };
  return { record: { ...run, settings }, throughput, latencies: [], seconds: [] };
}

it('what a search for a knee measured is drawn with the law and the knee, and nothing where there was none', () => {
  const runs = [1, 2, 4, 8].map((clients) => runOf(`gorums-c${clients}`, clients, 700 * clients));
  expect(scalabilityCharts(runs, [])).toEqual([]);
  expect(scalabilityCharts(runs, [{ ...KNEE, name: 'etcd' }])).toEqual([]);
  const [chart] = scalabilityCharts([...runs, runOf('gorums-r100', 200, 100)], [KNEE]);
  expect(chart).toMatchObject({ name: 'scalability', title: 'Throughput by clients' });
  expect(chart!.svg).toContain('clients (closed loop)');
  expect(chart!.svg).toContain('stroke-dasharray');
});
