import { expect, it } from 'vitest';
import { SendWindow } from './sendWindow.ts';

it('lets as much be on its way as there is, until a server has too much to do', () => {
  const window = new SendWindow();
  expect(window.isOverloaded).toBe(false);
  expect(window.room(100_000)).toBe(Number.POSITIVE_INFINITY);
  window.answered(10, 4_000);
  expect(window.isTooLate(1, 99)).toBe(false);
});

it('keeps to what the server took, and goes on from there with every answer', () => {
  const window = new SendWindow();
  window.refused(800);
  expect(window.isOverloaded).toBe(true);
  expect(window.room(800)).toBe(0);
  window.refused(640);
  window.refused(700);
  expect(window.room(600)).toBe(40);
  window.answered(32, 10);
  expect(window.room(640)).toBe(4);
  window.answered(1 << 20, 10);
  expect(window.isOverloaded).toBe(false);
});

it('leaves a few on their way, whoever else the server serves', () => {
  const window = new SendWindow();
  window.refused(0);
  expect(window.room(0)).toBe(16);
});

it('knows what comes too late to be answered, by the answers that it got', () => {
  const window = new SendWindow();
  window.answered(1, 100);
  window.refused(50);
  expect([window.isTooLate(199, 16), window.isTooLate(200, 16)]).toEqual([true, false]);
  window.answered(1, 260);
  expect([window.isTooLate(219, 99), window.isTooLate(220, 99)]).toEqual([true, false]);
  expect(window.isTooLate(Number.POSITIVE_INFINITY, 99)).toBe(false);
  // Or nothing would be sent any more once answers took half of the time, and nobody would know that they take less again.
  expect(window.isTooLate(1, 15)).toBe(false);
});
