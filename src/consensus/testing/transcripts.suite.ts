import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** Carries out one block's commands; the lines that they leave. */
export type Replayer = (commands: readonly string[]) => readonly string[];

const REWRITE = process.env.RKV_REWRITE === '1';

/**
 * Golden transcripts: blocks of commands, a line `----`, and the trace that they leave, with free text after `#` before them.
 * RKV_REWRITE=1 writes the traces anew; a person then reads the difference. `begin` makes the world of one transcript.
 */
export function describeTranscripts(folder: URL, begin: () => Replayer): void {
  describe('the transcript', () => {
    for (const name of readdirSync(folder).sort()) {
      it(name, () => {
        const file = new URL(name, folder);
        const text = readFileSync(file, 'utf8');
        const replayer = begin();
        const blocks = text.trimEnd().split(/\n\n+/);
        const replayed = `${blocks.map((block) => replay(block, replayer)).join('\n\n')}\n`;
        if (REWRITE) writeFileSync(file, replayed);
        else expect(replayed).toBe(text);
      });
    }
  });
}

function replay(block: string, replayer: Replayer): string {
  const lines = block.split('\n');
  const end = lines.indexOf('----');
  const asked = end < 0 ? lines : lines.slice(0, end);
  const commands = asked.filter((line) => line !== '' && !line.startsWith('#'));
  if (commands.length === 0) return block;
  const trace = replayer(commands);
  return [...asked, '----', ...(trace.length === 0 ? ['ok'] : trace)].join('\n');
}
