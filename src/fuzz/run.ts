import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { BrokenError, type FuzzTarget } from './target.ts';

/** Inputs of one seed. Between two of these it is looked at the time, and what was left over of the inputs is forgotten. */
const SLICE_INPUTS = 250;
/** For those, and for making a find smaller. */
const SLICE_MS_MAX = 60_000;
/** Before it is measured how much memory is kept: until then it is mostly the program's own, compiled and warm. */
const WARM_UP_INPUTS = 2_000;
/** What may be kept more than that at the end, whatever the number of inputs; code that is compiled later is among it. */
const GROWTH_BYTES_MAX = 16 * 1024 * 1024;
/** What an input may take beside the heap while it is handled: all are far smaller. */
const INPUT_BYTES_MAX = 64 * 1024 * 1024;
/** For an input: all take a few ms at most. */
const INPUT_MS_MAX = 1_000;
const UNCAUGHT = ['uncaughtException', 'unhandledRejection'] as const;
/** Shown of a counterexample. */
const COUNTEREXAMPLE_LENGTH_MAX = 4_000;

export interface FuzzOrder {
  readonly seed: number;
  /** Of a find that is to be made again. */
  readonly path?: string | undefined;
  readonly inputs: number;
  /** Less than `inputs` where these take longer. */
  readonly lastsMs: number;
}

export interface Find {
  readonly what: string;
  /** Empty where it is not known: of a run that was ended from outside. */
  readonly counterexample: string;
  readonly seed: number;
  readonly path: string;
}

export interface FuzzReport {
  readonly target: string;
  readonly inputs: number;
  /** Of these, what got past the first check. */
  readonly accepted: number;
  readonly ms: number;
  /** Memory that is kept more than after the first WARM_UP_INPUTS; undefined of fewer inputs. */
  readonly grownBytes: number | undefined;
  readonly find: Find | undefined;
}

/** Told of each input before it is handled: its seed, and its place among those of the seed. */
export type Watch = (seed: number, place: number) => void;

/** Gives a target inputs until one is a find, there were enough, or the time is over. */
export async function fuzz(target: FuzzTarget, order: FuzzOrder, watch: Watch = () => {}): Promise<FuzzReport> {
  const uncaught: unknown[] = [];
  const note = (error: unknown) => void uncaught.push(error);
  for (const event of UNCAUGHT) process.on(event, note);
  try {
    return await fuzzNoting(target, order, watch, uncaught);
  } finally {
    for (const event of UNCAUGHT) process.off(event, note);
  }
}

async function fuzzNoting(
  target: FuzzTarget,
  order: FuzzOrder,
  watch: Watch,
  uncaught: unknown[],
): Promise<FuzzReport> {
  const startMs = performance.now();
  const passedMs = () => performance.now() - startMs;
  let inputs = 0;
  let accepted = 0;
  let base: { readonly inputs: number; readonly bytes: number } | undefined;
  let find: Find | undefined;
  const isTimeOver = () => inputs > 0 && passedMs() >= order.lastsMs;
  for (let seed = order.seed; inputs < order.inputs && !isTimeOver(); seed++) {
    let place = 0;
    let isFound = false;
    const property = fc.asyncProperty(target.inputs, async (input) => {
      watch(seed, place++);
      const isAccepted = await checkOne(target, input, uncaught).catch((error: unknown) => {
        isFound = true;
        throw error;
      });
      // What follows a find only makes it smaller.
      if (isAccepted && !isFound) accepted++;
    });
    const result = await fc.check(property, {
      seed,
      numRuns: Math.min(SLICE_INPUTS, order.inputs - inputs),
      ...(order.path === undefined ? {} : { path: order.path, endOnFailure: true }),
      interruptAfterTimeLimit: SLICE_MS_MAX,
    });
    inputs += result.numRuns;
    if (result.failed && result.counterexample !== null) {
      find = {
        what: describe(result.errorInstance),
        counterexample: fc.stringify(result.counterexample[0]).slice(0, COUNTEREXAMPLE_LENGTH_MAX),
        seed,
        path: result.counterexamplePath,
      };
      break;
    }
    if (inputs >= WARM_UP_INPUTS) base ??= { inputs, bytes: await keptBytes(target) };
  }
  const grownBytes = base === undefined || base.inputs === inputs ? undefined : (await keptBytes(target)) - base.bytes;
  if (find === undefined && grownBytes !== undefined && grownBytes > GROWTH_BYTES_MAX) {
    const what = `${grownBytes} bytes more are kept after ${inputs} inputs, at most ${GROWTH_BYTES_MAX} were expected`;
    find = { what, counterexample: '', seed: order.seed, path: '' };
  }
  return { target: target.name, inputs, accepted, ms: passedMs(), grownBytes, find };
}

/** Within its time and memory, and without an error that nobody was there to catch, as in what a socket calls. */
async function checkOne(target: FuzzTarget, input: unknown, uncaught: unknown[]): Promise<boolean> {
  const beforeBytes = outsideBytes();
  const startMs = performance.now();
  const isAccepted = await target.check(input);
  if (performance.now() - startMs > INPUT_MS_MAX) await checkTime(target, input);
  if (uncaught.length > 0) throw uncaught.splice(0)[0];
  const takenBytes = outsideBytes() - beforeBytes;
  if (takenBytes > INPUT_BYTES_MAX) {
    throw new BrokenError(`an input takes at most ${INPUT_BYTES_MAX} bytes of memory: it took ${takenBytes}`);
  }
  return isAccepted;
}

/** By the processor's time, for other processes take some of the clock's. */
async function checkTime(target: FuzzTarget, input: unknown): Promise<void> {
  const before = process.cpuUsage();
  await target.check(input);
  const { user, system } = process.cpuUsage(before);
  const ms = Math.round((user + system) / 1000);
  if (ms > INPUT_MS_MAX) {
    throw new BrokenError(`an input is done with within ${INPUT_MS_MAX} ms: it took ${ms} ms of a processor`);
  }
}

function outsideBytes(): number {
  const { external_memory } = getHeapStatistics();
  return external_memory;
}

let collect: (() => void) | undefined;

async function keptBytes({ lingerMs = 0 }: FuzzTarget): Promise<number> {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  await new Promise<void>((resolve) => setTimeout(resolve, lingerMs));
  // What waits for the end of a turn, such as a socket that is closed, still holds something.
  for (let turn = 0; turn < 4; turn++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
    collect();
  }
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const where = error instanceof BrokenError ? '' : `\n${error.stack?.split('\n').slice(1, 6).join('\n')}`;
  return `${error.name}: ${error.message}${where}`;
}
