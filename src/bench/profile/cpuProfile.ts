/** Where a function begins: lines and columns count from 0; native functions have no `url`. */
export interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
  readonly columnNumber: number;
}

/** A function as it was called by the functions above it. */
interface ProfileNode {
  readonly id: number;
  readonly callFrame: CallFrame;
  readonly children?: readonly number[];
}

/** What V8 writes to a .cpuprofile (Chrome DevTools Protocol, Profiler.Profile); times are µs of the machine's monotonic clock. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly startTime: number;
  readonly endTime: number;
  /** Ids of nodes: which one ran at each look. */
  readonly samples: readonly number[];
  /** From the look before, of the first one from `startTime`. */
  readonly timeDeltas: readonly number[];
}

/** How often a function was found running, with its callers. */
export interface StackLooks {
  /** The function itself first, its caller next; the root is left out. */
  readonly frames: readonly CallFrame[];
  readonly looks: number;
}

/** Not a profile as V8 writes it. */
export class CpuProfileError extends Error {
  override readonly name = 'CpuProfileError';
}

/** Throws CpuProfileError, which names `path`. */
export function parseCpuProfile(text: string, path: string): CpuProfile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CpuProfileError(`${path}: expected a CPU profile as JSON: ${(error as Error).message}`);
  }
  const { nodes, samples, timeDeltas, startTime } = (value ?? {}) as Partial<CpuProfile>;
  if (!Array.isArray(nodes) || !Array.isArray(samples) || typeof startTime !== 'number') {
    throw new CpuProfileError(`${path}: expected nodes, samples and a startTime`);
  }
  if (timeDeltas?.length !== samples.length) {
    throw new CpuProfileError(`${path}: expected as many timeDeltas as samples`);
  }
  return value as CpuProfile;
}

/**
 * How often each function ran itself when V8 looked, between two moments, µs of the profile's clock. Looks are counted, not the time
 * between them: a thread that has no core is not looked at until it has one again, so the longer time before such a look is one
 * in which it did not run. Throws CpuProfileError where a look found what is not there.
 */
export function looksBetween(profile: CpuProfile, fromUs: number, toUs: number): StackLooks[] {
  const { samples, timeDeltas, startTime } = profile;
  const looksById = new Map<number, number>();
  let atUs = startTime;
  for (const [look, id] of samples.entries()) {
    atUs += timeDeltas[look]!;
    if (atUs >= fromUs && atUs < toUs) looksById.set(id, (looksById.get(id) ?? 0) + 1);
  }
  const stackOf = stacks(profile.nodes);
  return [...looksById].map(([id, looks]) => ({ frames: stackOf(id), looks }));
}

function stacks(nodes: readonly ProfileNode[]): (id: number) => CallFrame[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node] as const)));
  return (id) => {
    const frames: CallFrame[] = [];
    let node = byId.get(id);
    if (node === undefined) throw new CpuProfileError(`a look found node ${id}, which is not there`);
    for (let parent = parents.get(node.id); parent !== undefined; parent = parents.get(node.id)) {
      frames.push(node.callFrame);
      node = parent;
    }
    return frames;
  };
}
