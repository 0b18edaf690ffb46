import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { processTerminal } from '../cli/terminal.ts';
import type { Killer, Passage, Unit } from './killer.ts';
import type { KillerProcess } from './killerProcess.ts';
import type { MutatedFile } from './targets.ts';

/** Tests of these folders can be killers, unless they ask for what only vitest has, for processes, or for seeds, which are killers of their own. */
const TEST_FOLDERS = ['bytes', 'consensus', 'server/host', 'server/identity', 'server/stateMachine', 'server/storage'];
const NEEDS_MORE = /\bvi\b.*from 'vitest'|from '.*\/(simulator|supervisor)\//;
const KILLER = 'mutants/killer.ts';
const OPERATORS = 'mutants/operators.ts';
const UNIT_TIMEOUT_MS = 600_000;

/** A passage as it is kept: places are named by file and place in the file, which hold while that file does. */
interface KeptPassage {
  readonly killer: Killer;
  readonly ms: number;
  readonly calls: number;
  readonly reached: Readonly<Record<string, readonly number[]>>;
}

type Kept = Record<string, { readonly hash: string; readonly passages: readonly KeptPassage[] }>;

/** The baseline is not green: nothing can be said of mutants. */
export class UnsoundBaselineError extends Error {
  override readonly name = 'UnsoundBaselineError';
}

/** Which killer passes which mutants, kept from one run of the command to the next for what has not changed meanwhile. */
export class Passages {
  private readonly root: string;
  private readonly files: readonly MutatedFile[];
  private readonly firsts = new Map<string, number>();
  private readonly total: number;
  private readonly hashes: SourceHashes;

  constructor(root: string, files: readonly MutatedFile[]) {
    this.root = root;
    this.files = files;
    this.hashes = new SourceHashes(join(root, 'src'));
    let total = 0;
    for (const { path, mutants } of files) {
      this.firsts.set(path, total);
      total += mutants.length;
    }
    this.total = total;
  }

  /** Every source that a killer depends on; who has this result has it for them. */
  get sourcesHash(): string {
    return this.hashes.of([...testFiles(this.root), KILLER, OPERATORS]);
  }

  /** Whether the tests of a file depend on one of these. */
  dependsOn(testFile: string, paths: ReadonlySet<string>): boolean {
    return this.hashes.closureOf(testFile).some((path) => paths.has(path));
  }

  /** Runs every unit without a mutant that has not been run since its sources changed. Throws UnsoundBaselineError. */
  async find(units: readonly Unit[], workers: readonly KillerProcess[], keptAt: string): Promise<Passage[]> {
    const kept: Kept = existsSync(keptAt) ? JSON.parse(readFileSync(keptAt, 'utf8')) : {};
    const hashOf = (unit: Unit) => this.hashes.of([unit.kind === 'file' ? unit.file : KILLER, OPERATORS]);
    const due = units.filter((unit) => kept[nameOf(unit)]?.hash !== hashOf(unit));
    let done = 0;
    const rest = due.values();
    await Promise.all(
      workers.map(async (worker) => {
        for (const unit of rest) {
          kept[nameOf(unit)] = { hash: hashOf(unit), passages: await this.passagesOf(unit, worker) };
          done++;
          if (done % 10 === 0 || done === due.length) {
            processTerminal.err(`without mutants: ${done} of ${due.length} test files and seeds`);
            writeFileSync(keptAt, JSON.stringify(kept));
          }
        }
      }),
    );
    return units.flatMap((unit) => kept[nameOf(unit)]!.passages.map((passage) => this.numbered(passage)));
  }

  private async passagesOf(unit: Unit, worker: KillerProcess): Promise<KeptPassage[]> {
    const order = { unit, mutant: undefined, callsMax: Number.POSITIVE_INFINITY, mutants: this.total };
    const answer = await worker.obey(order, UNIT_TIMEOUT_MS);
    if (typeof answer === 'string') throw new UnsoundBaselineError(`${nameOf(unit)} without a mutant: ${answer}`);
    if (answer.killed !== undefined) {
      const { by, message } = answer.killed;
      throw new UnsoundBaselineError(`${JSON.stringify(by)} fails without a mutant: ${message}`);
    }
    return answer.passages.map((passage) => ({ ...passage, reached: this.named(passage.reached) }));
  }

  private named(ids: readonly number[]): Record<string, number[]> {
    const sorted = [...ids].sort((a, b) => a - b);
    const named: Record<string, number[]> = {};
    let at = 0;
    for (const { path, mutants } of this.files) {
      const first = this.firsts.get(path)!;
      const places: number[] = [];
      for (; at < sorted.length && sorted[at]! < first + mutants.length; at++) places.push(sorted[at]! - first);
      if (places.length > 0) named[path] = places;
    }
    return named;
  }

  private numbered({ reached, ...passage }: KeptPassage): Passage {
    const ids = Object.entries(reached).flatMap(([path, places]) => {
      const first = this.firsts.get(path);
      return first === undefined ? [] : places.map((place) => first + place);
    });
    return { ...passage, reached: ids };
  }
}

export function testFiles(root: string): string[] {
  const src = join(root, 'src');
  return TEST_FOLDERS.flatMap((folder) =>
    readdirSync(join(src, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => `${folder}/${name}`)
      .filter((path) => !NEEDS_MORE.test(readFileSync(join(src, path), 'utf8')))
      .sort(),
  );
}

function nameOf(unit: Unit): string {
  return unit.kind === 'file' ? unit.file : `seed ${unit.seed} of ${unit.engine}`;
}

/** A hash of files and of all that they import. */
class SourceHashes {
  private readonly src: string;
  private readonly texts = new Map<string, string>();
  private readonly closures = new Map<string, readonly string[]>();

  constructor(src: string) {
    this.src = src;
  }

  of(paths: readonly string[]): string {
    const hash = createHash('sha256');
    const all = new Set(paths.flatMap((path) => this.closureOf(path)));
    for (const path of [...all].sort()) hash.update(path).update(this.textOf(path));
    return hash.digest('hex').slice(0, 16);
  }

  closureOf(path: string): readonly string[] {
    const known = this.closures.get(path);
    if (known !== undefined) return known;
    const found = new Set([path]);
    for (const each of found) {
      for (const [, imported] of this.textOf(each).matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)) {
        found.add(normalize(join(dirname(each), imported!)));
      }
    }
    this.closures.set(path, [...found]);
    return [...found];
  }

  private textOf(path: string): string {
    const known = this.texts.get(path);
    if (known !== undefined) return known;
    const text = existsSync(join(this.src, path)) ? readFileSync(join(this.src, path), 'utf8') : '';
    this.texts.set(path, text);
    return text;
  }
}
