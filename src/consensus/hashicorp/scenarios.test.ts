import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Script } from './testing/script.ts';

/**
 * Golden transcripts: blocks of commands, a line `----`, and the trace they leave, with free text after `#` before them.
 * RKV_REWRITE=1 writes the traces anew; a person then reads the difference.
 */
const FOLDER = new URL('./testdata/', import.meta.url);
const REWRITE = process.env.RKV_REWRITE === '1';

function replay(text: string): string {
  const script = new Script();
  const blocks = text.trimEnd().split(/\n\n+/);
  return `${blocks.map((block) => replayBlock(script, block)).join('\n\n')}\n`;
}

function replayBlock(script: Script, block: string): string {
  const lines = block.split('\n');
  const end = lines.indexOf('----');
  const commands = end < 0 ? lines : lines.slice(0, end);
  const isCommand = (line: string) => line !== '' && !line.startsWith('#');
  if (!commands.some(isCommand)) return block;
  const trace = commands.filter(isCommand).flatMap((line) => script.execute(line));
  return [...commands, '----', ...(trace.length === 0 ? ['ok'] : trace)].join('\n');
}

describe('scenarios', () => {
  for (const name of readdirSync(FOLDER).sort()) {
    it(name, () => {
      const file = new URL(name, FOLDER);
      const text = readFileSync(file, 'utf8');
      const replayed = replay(text);
      if (REWRITE) writeFileSync(file, replayed);
      else expect(replayed).toBe(text);
    });
  }
});
