import { expect, it } from 'vitest';
import { AppliedPace } from './appliedPace.ts';

/** Of `applied` commands of `bytes` each second, told in turns of 10 ms. */
function run(pace: AppliedPace, fromMs: number, forMs: number, applied: number, bytes: number): number {
  for (let ms = fromMs; ms < fromMs + forMs; ms += 10) {
    for (let i = 0; i < applied / 100; i++) pace.applied(bytes);
    pace.tick(ms + 10);
  }
  return fromMs + forMs;
}

it('lets so much be open before anything is known, and while nothing is applied', () => {
  const pace = new AppliedPace();
  expect([pace.commandsMax, pace.bytesMax]).toEqual([4096, 8 << 20]);
  run(pace, 0, 5_000, 0, 0);
  expect([pace.commandsMax, pace.bytesMax]).toEqual([4096, 8 << 20]);
});

it('lets so much be open as is applied in 400 ms', () => {
  const pace = new AppliedPace();
  const untilMs = run(pace, 0, 3_000, 100_000, 1000);
  expect(pace.commandsMax / 40_000).toBeCloseTo(1, 1);
  expect(pace.bytesMax / 40_000_000).toBeCloseTo(1, 1);
  // A pause of two seconds is not the end of the pace; a longer one is.
  run(pace, untilMs, 1_500, 0, 0);
  expect(pace.commandsMax).toBeGreaterThan(35_000);
  run(pace, untilMs + 1_500, 1_500, 0, 0);
  expect(pace.commandsMax).toBe(4096);
});

it('counts a window that ends late for as long as it was', () => {
  const pace = new AppliedPace();
  pace.tick(0);
  for (let i = 0; i < 100_000; i++) pace.applied(10);
  pace.tick(1_000);
  expect(pace.commandsMax).toBe(40_000);
  expect(pace.bytesMax).toBe(8 << 20);
});

it('ends a window when its time is over, and forgets the eighth before it', () => {
  const pace = new AppliedPace();
  pace.tick(0);
  for (let i = 0; i < 100_000; i++) pace.applied(1000);
  pace.tick(249);
  expect([pace.commandsMax, pace.bytesMax]).toEqual([4096, 8 << 20]);
  pace.tick(250);
  for (let window = 2; window <= 8; window++) {
    expect([pace.commandsMax, pace.bytesMax]).toEqual([160_000, 160_000_000]);
    pace.tick(250 * window);
  }
  expect(pace.commandsMax).toBe(160_000);
  pace.tick(250 * 9);
  expect([pace.commandsMax, pace.bytesMax]).toEqual([4096, 8 << 20]);
});
