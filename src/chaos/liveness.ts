import { setTimeout as pause } from 'node:timers/promises';

/** The faults are over, and somebody is not served. */
export class LivenessError extends Error {
  override readonly name = 'LivenessError';
}

/** What `work` resolves with. Rejects with LivenessError where it is not done in that time: what clients had under way when the faults ended. */
export async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const what = `what clients had under way was not done within ${timeoutMs} ms after the faults ended`;
    timer = setTimeout(() => reject(new LivenessError(what)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What `look` finds, asked again every `pollMs`, once at least; undefined where that is nothing within `timeoutMs`. */
export async function foundWithin<T>(
  timeoutMs: number,
  pollMs: number,
  look: () => T | undefined | Promise<T | undefined>,
): Promise<T | undefined> {
  for (const deadlineMs = performance.now() + timeoutMs; ; ) {
    const found = await look();
    if (found !== undefined || performance.now() >= deadlineMs) return found;
    await pause(pollMs);
  }
}
