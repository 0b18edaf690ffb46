import type { Happening } from './happenings.ts';
import { findServingLeader } from './samples.ts';

/** Pauses of all clients that are told. */
const PAUSE_TOLD_MS = 200;

/** Tells of a play in lines, as it goes on. */
export class Timeline {
  private readonly line: (text: string) => void;
  private leader: string | undefined;
  private lastWriteMs = 0;

  constructor(line: (text: string) => void) {
    this.line = line;
  }

  tell(happening: Happening): void {
    const { atMs } = happening;
    switch (happening.kind) {
      case 'step':
        this.say(atMs, happening.what);
        return;
      case 'step-over':
        this.say(atMs, `over: ${happening.what}`);
        return;
      case 'step-failed':
        this.say(atMs, `failed: ${happening.what}: ${happening.why}`);
        return;
      case 'given-up':
        this.say(atMs, `client ${happening.client} gave a write up`);
        return;
      case 'acknowledged':
        if (atMs - this.lastWriteMs >= PAUSE_TOLD_MS)
          this.say(atMs, `a write is acknowledged, the first for ${seconds(atMs - this.lastWriteMs)} s`);
        this.lastWriteMs = atMs;
        return;
      case 'sample': {
        const found = findServingLeader(happening.servers);
        const leader = found === undefined ? 'nobody leads' : `server ${found.id} leads term ${found.term}`;
        if (leader !== this.leader) this.say(atMs, leader);
        this.leader = leader;
        return;
      }
      case 'back':
      case 'asked':
        return;
    }
  }

  private say(atMs: number, text: string): void {
    this.line(`${seconds(atMs).padStart(8)} s  ${text}`);
  }
}

export function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}
