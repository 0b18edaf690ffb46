import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineEvent } from '../../consensus/contract.ts';
import { newPrivateFile } from '../../files/privateFile.ts';

/** Rows kept of each file; of more, the oldest are let go. 12 bytes a row. */
export const LATENCY_ROWS_MAX = 4_194_304;
export const EVENT_ROWS_MAX = 65_536;
const BLOCK_ROWS = 65_536;

interface Block {
  readonly startUs: Float64Array;
  readonly durationUs: Uint32Array;
  rows: number;
}

/** What the original's servers write down when they end: how long each command took, and what happened when. */
export class Recorder {
  private readonly nowUs: () => number;
  private blocks: Block[] = [];
  private events: { readonly event: string; readonly timeUs: number }[] = [];

  /** `nowUs`: Unix time in µs, monotonic within the process. */
  constructor(nowUs: () => number) {
    this.nowUs = nowUs;
  }

  /** A command that came at `startUs` (Unix time, µs) is answered now. */
  command(startUs: number): void {
    let block = this.blocks[this.blocks.length - 1];
    if (block === undefined || block.rows === BLOCK_ROWS) {
      if (this.blocks.length * BLOCK_ROWS >= LATENCY_ROWS_MAX) this.blocks.shift();
      block = { startUs: new Float64Array(BLOCK_ROWS), durationUs: new Uint32Array(BLOCK_ROWS), rows: 0 };
      this.blocks.push(block);
    }
    block.startUs[block.rows] = startUs;
    block.durationUs[block.rows++] = this.nowUs() - startUs;
  }

  event(event: EngineEvent): void {
    if (this.events.length >= EVENT_ROWS_MAX) this.events.splice(0, EVENT_ROWS_MAX / 2);
    this.events.push({ event, timeUs: this.nowUs() });
  }

  /**
   * Writes `latency-<ns>-server-<id>.csv` and `event-<ns>-server-<id>.csv` into `folder`; both carry the same time in their names. The
   * original's names say no id: of servers that share a folder nobody could tell them apart.
   */
  async write(folder: string, id: number): Promise<{ readonly latency: string; readonly event: string }> {
    const ending = `${nanoseconds(this.nowUs())}-server-${id}.csv`;
    const latency = join(folder, `latency-${ending}`);
    const event = join(folder, `event-${ending}`);
    await this.writeLatencies(latency);
    const rows = this.events.map((row) => `${row.event},${nanoseconds(row.timeUs)}\n`);
    await writeFile(event, `event,time\n${rows.join('')}`, newPrivateFile);
    return { latency, event };
  }

  private async writeLatencies(path: string): Promise<void> {
    const stream = createWriteStream(path, newPrivateFile);
    const done = new Promise<void>((resolve, reject) => {
      stream.once('error', reject);
      stream.once('close', resolve);
    });
    stream.write('start,end\n');
    for (const { startUs, durationUs, rows } of this.blocks) {
      let text = '';
      for (let row = 0; row < rows; row++) {
        const start = startUs[row]!;
        text += `${nanoseconds(start)},${nanoseconds(start + durationUs[row]!)}\n`;
      }
      if (!stream.write(text)) await new Promise<void>((resolve) => stream.once('drain', () => resolve()));
    }
    stream.end();
    await done;
  }
}

/** Whole µs as ns, exactly: the digits of the µs followed by three zeros. */
function nanoseconds(timeUs: number): string {
  return `${Math.round(timeUs)}000`;
}
