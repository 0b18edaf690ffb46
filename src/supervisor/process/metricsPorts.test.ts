import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { isPortFree } from './freePorts.ts';
import { metricsPorts } from './metricsPorts.ts';

const free = (...taken: number[]) => {
  const ports = new Set(taken);
  return async (port: number) => !ports.has(port);
};

it('leaves the choice to rkvd where its ports are free', async () => {
  expect(await metricsPorts([1, 2, 3], free(5904))).toBeUndefined();
  expect(await metricsPorts([1, 10], free(5910))).toBeUndefined();
});

it('takes others, together, where one of them is taken', async () => {
  expect(await metricsPorts([1, 2, 3], free(5902))).toEqual([15_901, 15_902, 15_903]);
  expect(await metricsPorts([1, 10], free(59_010, 15_902))).toEqual([16_001, 16_002]);
  expect(await metricsPorts([1, 2], async () => false)).toBeUndefined();
});

it('knows of a port whether somebody listens there', async () => {
  const holder = createServer();
  await new Promise<void>((done) => holder.listen(0, '127.0.0.1', done));
  const { port } = holder.address() as { port: number };
  expect(await isPortFree(port)).toBe(false);
  await new Promise((done) => holder.close(done));
  expect(await isPortFree(port)).toBe(true);
});
