import { describe, expect, it } from 'vitest';
import { SendWindow } from './sendWindow.ts';

const PIECE_BYTES = 64 * 1024;
const TAKEN_EVERY_BYTES = 128 * 1024;

/**
 * A way that carries so many bytes per ms with so much delay each way, and a sender that always has more: what waits on the way
 * in the end, in ms, and how much came through in the last second of five.
 */
function sentOver({ bytesPerMs, oneWayMs }: { readonly bytesPerMs: number; readonly oneWayMs: number }) {
  const window = new SendWindow();
  const answers: { readonly atMs: number; readonly bytes: number }[] = [];
  let sent = 0;
  let carried = 0;
  let told = 0;
  let beforeLast = 0;
  let waitMsMax = 0;
  for (let ms = 0; ms < 5000; ms++) {
    while (answers[0] !== undefined && answers[0].atMs <= ms) window.taken(answers.shift()!.bytes, ms);
    while (window.isOpen) {
      window.sent(PIECE_BYTES, ms);
      sent += PIECE_BYTES;
    }
    carried = Math.min(sent, carried + bytesPerMs);
    while (carried - told >= TAKEN_EVERY_BYTES) {
      told += TAKEN_EVERY_BYTES;
      answers.push({ atMs: ms + 2 * oneWayMs, bytes: told });
    }
    if (ms < 4000) beforeLast = carried;
    else waitMsMax = Math.max(waitMsMax, (sent - carried) / bytesPerMs);
  }
  return { lastSecondBytes: carried - beforeLast, waitMsMax };
}

describe('what may be on its way', () => {
  it.each([
    ['near and quick', { bytesPerMs: 500_000, oneWayMs: 0 }],
    ['64 MB/s, 20 ms away', { bytesPerMs: 64_000, oneWayMs: 20 }],
    ['10 MB/s, 100 ms away', { bytesPerMs: 10_000, oneWayMs: 100 }],
    ['1 MB/s, 5 ms away', { bytesPerMs: 1000, oneWayMs: 5 }],
  ])('fills the way, and does not queue for long: %s', (_name, way) => {
    const { lastSecondBytes, waitMsMax } = sentOver(way);
    expect(lastSecondBytes).toBeGreaterThan(0.95 * 1000 * way.bytesPerMs);
    // 256 KiB are always allowed: on the slowest of these ways a quarter of a second.
    expect(waitMsMax).toBeLessThan(way.bytesPerMs < 10_000 ? 450 : 2 * way.oneWayMs + 120);
  });

  it('is not moved by a peer that takes what was not sent, or less than before', () => {
    const window = new SendWindow();
    while (window.isOpen) window.sent(PIECE_BYTES, 0);
    const { sizeBytes } = window;
    window.taken(1 << 30, 5);
    expect(window.isOpen).toBe(false);
    window.taken(PIECE_BYTES, 10);
    window.taken(10, 11);
    expect(window.sizeBytes).toBeLessThanOrEqual(sizeBytes);
  });
});
