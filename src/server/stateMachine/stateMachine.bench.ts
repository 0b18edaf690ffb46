import { fork } from 'node:child_process';
import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ByteWriter } from '../../bytes/byteWriter.ts';
import { ByteMap } from './byteMap/byteMap.ts';

/**
 * What the state machine's map costs: `node dist/server/stateMachine/stateMachine.bench.js [keys …]` (default: 10000 1000000). Each way of
 * holding keys of 16 and values of 100 bytes gets a process of its own: all keys are put, then random ones again in batches
 * of 1,024, as a follower applies them; then a snapshot is taken while that goes on.
 */
const BATCH = 1024;
const KEY_BYTES = 16;
const VALUE_BYTES = 100;
const RUN_MS = 4000;
const SLICE_BYTES = 256 * 1024;

interface Candidate {
  put(source: Buffer, keyStart: number, keyEnd: number, from: number, to: number): void;
  /** Takes a snapshot; `between` is called between what has to be done at once. */
  snapshot(between: () => void): void;
}

/** As it was before: strings. */
class StringMap implements Candidate {
  private readonly values = new Map<string, string>();
  private readonly utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  put(source: Buffer, keyStart: number, keyEnd: number, from: number, to: number): void {
    this.values.set(this.utf8.decode(source.subarray(keyStart, keyEnd)), this.utf8.decode(source.subarray(from, to)));
  }

  snapshot(): void {
    const out = new ByteWriter();
    for (const [key, value] of this.values) {
      out.text(key);
      out.text(value);
    }
    out.finish();
  }
}

/** Values as bytes, keys as strings of a unit for each byte. */
class ValueMap implements Candidate {
  private readonly values = new Map<string, Uint8Array>();

  put(source: Buffer, keyStart: number, keyEnd: number, from: number, to: number): void {
    this.values.set(source.toString('latin1', keyStart, keyEnd), new Uint8Array(source.subarray(from, to)));
  }

  snapshot(): void {
    const out = new ByteWriter();
    for (const [key, value] of this.values) {
      out.field(Buffer.from(key, 'latin1'));
      out.field(value);
    }
    out.finish();
  }
}

class Slabs implements Candidate {
  private readonly map = new ByteMap();

  put(source: Buffer, keyStart: number, keyEnd: number, from: number, to: number): void {
    this.map.put(source, keyStart, keyEnd, from, to);
  }

  snapshot(between: () => void): void {
    const view = this.map.openView();
    const bytes = new Uint8Array(view.size);
    for (let at = 0; at < bytes.length; ) {
      at = view.read(bytes, at, Math.min(at + SLICE_BYTES, bytes.length));
      between();
    }
    this.map.closeView(view);
  }
}

const CANDIDATES: Readonly<Record<string, () => Candidate>> = {
  'Map of strings': () => new StringMap(),
  'Map, values as bytes': () => new ValueMap(),
  'slabs (ByteMap)': () => new Slabs(),
};

/** One batch of commands, made ahead of what is timed. */
class Batch {
  private readonly bytes = Buffer.alloc(BATCH * (KEY_BYTES + VALUE_BYTES), 'v');
  private state = 12_345;

  fill(keyOf: (i: number) => number): void {
    for (let i = 0; i < BATCH; i++) {
      let number = keyOf(i);
      for (let at = KEY_BYTES - 1; at >= 0; at--, number = Math.floor(number / 10)) {
        this.bytes[i * (KEY_BYTES + VALUE_BYTES) + at] = 48 + (number % 10);
      }
    }
  }

  random(keys: number): number {
    this.state = (Math.imul(this.state, 1_664_525) + 1_013_904_223) >>> 0;
    return this.state % keys;
  }

  /** Returns the time that it took, ms. */
  apply(candidate: Candidate): number {
    const start = performance.now();
    for (let i = 0; i < BATCH; i++) {
      const at = i * (KEY_BYTES + VALUE_BYTES);
      candidate.put(this.bytes, at, at + KEY_BYTES, at + KEY_BYTES, at + KEY_BYTES + VALUE_BYTES);
    }
    return performance.now() - start;
  }
}

async function measure(name: string, keys: number): Promise<Record<string, string | number>> {
  let collectingMs = 0;
  const observer = new PerformanceObserver((list) => {
    for (const each of list.getEntries()) collectingMs += each.duration;
  });
  observer.observe({ entryTypes: ['gc'] });
  const before = process.memoryUsage.rss();
  const candidate = CANDIDATES[name]!();
  const batch = new Batch();
  let longestMs = 0;
  let firstMs = 0;
  for (let first = 0; first < keys; first += BATCH) {
    batch.fill((i) => Math.min(first + i, keys - 1));
    const took = batch.apply(candidate);
    firstMs += took;
    longestMs = Math.max(longestMs, took);
    await nextTurn();
  }
  let applied = 0;
  let totalMs = 0;
  collectingMs = 0;
  while (totalMs < RUN_MS) {
    batch.fill(() => batch.random(keys));
    const took = batch.apply(candidate);
    totalMs += took;
    longestMs = Math.max(longestMs, took);
    applied += BATCH;
    await nextTurn();
  }
  const collected = collectingMs;
  const bytesPerKey = Math.round((process.memoryUsage.rss() - before) / keys);
  let pauseMs = 0;
  let start = performance.now();
  candidate.snapshot(() => {
    pauseMs = Math.max(pauseMs, performance.now() - start);
    batch.fill(() => batch.random(keys));
    longestMs = Math.max(longestMs, batch.apply(candidate));
    start = performance.now();
  });
  pauseMs = Math.max(pauseMs, performance.now() - start);
  return {
    map: name,
    keys,
    'ns a new key': Math.round((firstMs * 1e6) / keys),
    'ns an apply': Math.round((totalMs * 1e6) / applied),
    'GC, % of it': Math.round((100 * collected) / totalMs),
    'resident bytes a key': bytesPerKey,
    'longest batch of 1,024, ms': Number(longestMs.toFixed(1)),
    'longest pause of a snapshot, ms': Number(pauseMs.toFixed(1)),
  };
}

function measureApart(name: string, keys: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const child = fork(process.argv[1]!, [CHILD, name, String(keys)]);
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`the process of ${name} ended with ${code}`)));
  });
}

const CHILD = '--child';

if (process.argv[2] === CHILD) process.send!(await measure(process.argv[3]!, Number(process.argv[4])));
else {
  const sizes = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [10_000, 1_000_000];
  const rows: unknown[] = [];
  for (const keys of sizes) for (const name of Object.keys(CANDIDATES)) rows.push(await measureApart(name, keys));
  console.table(rows);
}
