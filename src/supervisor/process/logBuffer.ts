import { StringDecoder } from 'node:string_decoder';

const LINE_LENGTH_MAX = 2000;

/** The last lines of what a process printed. Bounded, however much and however long the lines it prints. */
export class LogBuffer {
  private readonly linesMax: number;
  private readonly decoders = new Map<string, { decoder: StringDecoder; partial: string }>();
  private lines: string[] = [];

  constructor(linesMax = 200) {
    this.linesMax = linesMax;
  }

  /** Takes bytes of the stream `name`; lines of different streams do not mix. */
  push(name: string, bytes: Uint8Array): void {
    let stream = this.decoders.get(name);
    if (stream === undefined) {
      stream = { decoder: new StringDecoder('utf8'), partial: '' };
      this.decoders.set(name, stream);
    }
    const parts = (stream.partial + stream.decoder.write(Buffer.from(bytes))).split(/\r?\n/);
    stream.partial = parts.pop()!.slice(0, LINE_LENGTH_MAX);
    for (const line of parts) this.lines.push(line.slice(0, LINE_LENGTH_MAX));
    // Dropped in halves, so that a line costs a constant.
    if (this.lines.length > 2 * this.linesMax) this.lines = this.lines.slice(-this.linesMax);
  }

  /** The last `count` lines, unfinished ones included, oldest first. */
  last(count: number): string[] {
    const unfinished = [...this.decoders.values()].map(({ partial }) => partial).filter((line) => line !== '');
    return [...this.lines, ...unfinished].slice(-Math.min(count, this.linesMax));
  }
}
