import { existsSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { readTextFile } from '../files/regularFile.ts';
import type { PlayResult } from '../supervisor/play/play.ts';

const spread = z.tuple([z.number(), z.number(), z.number(), z.number()]);

const play = z.object({
  measurements: z.object({
    firstWriteMs: z.number(),
    gapMs: z.number(),
    waitMs: z.number(),
    leaderlessMs: z.number(),
    successorMs: z.number().nullable(),
    catchUpMs: z.number().nullable(),
    operatorMs: z.number().nullable(),
    terms: z.number(),
    givenUp: z.number(),
    roleAtEnd: z.string().nullable(),
  }),
  problems: z.array(z.string()),
  syncMs: spread.nullable(),
  wakeMs: spread,
  startsMs: z.array(z.number()),
});

const file = z.record(z.string(), z.array(play));
/** Thousands of plays take a hundredth of it. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;

/** Real plays that were made, in a file or nowhere: they take hours, and what is simulated beside them may be simulated anew. */
export class KeptPlays {
  private readonly path: string | undefined;
  private readonly plays: Record<string, PlayResult[]>;

  constructor(path: string | undefined) {
    this.path = path;
    const isThere = path !== undefined && existsSync(path);
    this.plays = isThere ? file.parse(JSON.parse(readTextFile(path, FILE_BYTES_MAX))) : {};
  }

  of(scenario: string, engine: string): readonly PlayResult[] {
    return this.plays[`${engine}: ${scenario}`] ?? [];
  }

  add(scenario: string, engine: string, result: PlayResult): void {
    const key = `${engine}: ${scenario}`;
    this.plays[key] = [...(this.plays[key] ?? []), result];
    if (this.path !== undefined) writeFileSync(this.path, `${JSON.stringify(this.plays)}\n`);
  }
}
