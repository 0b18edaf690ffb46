import { type ClusterEvent, describeEvent } from '../supervisor/events.ts';
import type { ProcessExit } from '../supervisor/process/serverProcess.ts';
import { ExitCode } from '../wire/supervision.ts';

/** How a server may end because of what was done here: by SIGKILL, or by itself because it cannot write. */
export type OwnEnd = 'kill' | 'full disk';

const IS_OWN: Readonly<Record<OwnEnd, (exit: ProcessExit) => boolean>> = {
  kill: ({ signal }) => signal === 'SIGKILL',
  'full disk': ({ code }) => code === ExitCode.DiskFull,
};

/** Tells ends of servers that were brought about here from those that nobody should see. */
export class Ends {
  private readonly expected = new Map<number, OwnEnd>();
  private first: string | undefined;

  /** The first end that was not ours, in words; undefined where there was none. */
  get foreign(): string | undefined {
    return this.first;
  }

  /** From now on, until it is started again for good, server `id` may end like that. */
  expect(id: number, end: OwnEnd): void {
    this.expected.set(id, end);
  }

  /** It is to go on. */
  expectNone(id: number): void {
    this.expected.delete(id);
  }

  note(event: ClusterEvent): void {
    const isForeign = event.type === 'refused' || (event.type === 'crashed' && !this.isOurs(event.id, event.exit));
    if (isForeign) this.first ??= describeEvent(event);
  }

  private isOurs(id: number, exit: ProcessExit): boolean {
    const end = this.expected.get(id);
    return end !== undefined && IS_OWN[end](exit);
  }
}
