import type { CallFrame } from './cpuProfile.ts';
import { type Modules, NATIVE } from './modules.ts';

/** What takes functions to a stage: those of modules whose name matches, and of these only such as are called so, where it says how. */
export interface StageRule {
  readonly stage: string;
  readonly module: RegExp;
  readonly functions?: RegExp;
  /** Only where the first module of ours among the callers is such. */
  readonly calledBy?: RegExp;
}

/** No function: what V8 calls it when it is not in one. */
const OUTSIDE: Readonly<Record<string, string | undefined>> = {
  '(garbage collector)': 'garbage collection, main thread',
  '(program)': 'outside functions: reading sockets, polling, the kernel',
  '(root)': 'outside functions: reading sockets, polling, the kernel',
};
export const IDLE = '(idle)';
/** What no rule takes. */
export const OTHER_STAGE = 'other';

/** Node.js writes to and reads from sockets by these. */
const SOCKETS =
  /^node:(?:net|_tls_wrap|internal\/stream_base_commons|internal\/streams\/(?:writable|readable|duplex|transform|pipeline|destroy|state|buffer_list|passthrough)|stream|internal\/js_stream_socket)$/;
const TURNS =
  /^node:(?:timers|internal\/(?:timers|process\/task_queues|process\/promises|async_hooks|async_local_storage.*))$/;
const PROFILER = /^(?:node:(?:internal\/)?inspector.*|src\/bench\/profile\/.*)$/;

/**
 * Where a server's time goes: of a stack, the function nearest to what ran that a rule takes says the stage; of two rules the first. What helps
 * all (`src/bytes`, `node:buffer`, `node:fs`, native functions and so on) is in none, so it counts for who called it.
 */
export const SERVER_STAGES: readonly StageRule[] = [
  {
    stage: 'socket writes to peers',
    module: SOCKETS,
    functions: /write|cork|finish/i,
    calledBy: /^src\/server\/transport\//,
  },
  { stage: 'socket writes to clients', module: SOCKETS, functions: /write|cork|finish/i },
  { stage: 'sockets, other than writes', module: SOCKETS },
  {
    stage: 'HTTP/2 and gRPC',
    module: /^(?:src\/net\/(?:http2|grpc)\/.*|src\/server\/net\/.*|npm:@grpc\/.*|node:(?:internal\/)?http2.*)$/,
  },
  {
    stage: 'TLS, connections',
    module: /^(?:src\/net\/endpoints\/.*|node:(?:internal\/)?tls.*|node:internal\/crypto.*)$/,
  },
  { stage: 'admission', module: /^src\/server\/admission\// },
  {
    stage: 'answers: encode and send',
    module: /^src\/wire\/sessionCodec\.ts$/,
    functions: /^(?:ok|registered|value|refused|window|commandBytesMax|leader|finish|take|reserve|integer|field)$/,
  },
  {
    stage: 'answers: encode and send',
    module: /^src\/server\/service\/(?:sessionStream|rkvService)\.ts$/,
    functions: /[dD]one$|[sS]end|flush|reassure|noteLeader|answer|result/,
  },
  { stage: 'answers: encode and send', module: /^src\/(?:server\/service\/outcomes|wire\/lookupResponse)\.ts$/ },
  {
    stage: 'requests: decode and take',
    module: /^src\/(?:server\/service\/.*|wire\/(?:sessionCodec|command|commandScan|fence|group)\.ts)$/,
  },
  {
    stage: 'peers’ messages: encode, decode',
    module: /^src\/consensus\/(?:entryCodec|.*\/(?:codec|numberedCodec|unaryCodec))\.ts$/,
  },
  { stage: 'engine', module: /^src\/consensus\// },
  { stage: 'peers’ links and frames', module: /^src\/(?:server\/transport\/.*|wire\/peer\w+\.ts)$/ },
  { stage: 'promise file', module: /^src\/server\/storage\/(?:promise|journal)/ },
  {
    stage: 'LevelDB’s binding',
    module: /^(?:npm:(?:level|classic-level|abstract-level)|src\/server\/storage\/(?:levelDisk|piecedDisk)\.ts)$/,
  },
  { stage: 'log store', module: /^src\/server\/storage\// },
  { stage: 'apply', module: /^src\/server\/stateMachine\// },
  {
    stage: 'figures of itself',
    module:
      /^(?:src\/server\/observe\/.*|src\/server\/host\/stageWatch\.ts|npm:(?:hdr-histogram-js|prom-client|pino).*)$/,
  },
  { stage: 'host: turns, waiting commands', module: /^src\/server\/(?:host\/.*|server\.ts|identity\/.*|faults\/.*)$/ },
  { stage: 'the profiler itself', module: PROFILER },
  { stage: 'Node.js: timers and turns', module: TURNS },
];

/** Where the time of what makes the load goes; with the servers' supervisor, who is in the same process. */
export const BENCH_STAGES: readonly StageRule[] = [
  { stage: 'socket writes', module: SOCKETS, functions: /write|cork|finish/i },
  { stage: 'sockets, other than writes', module: SOCKETS },
  { stage: 'HTTP/2 and gRPC', module: /^(?:npm:@grpc\/.*|node:(?:internal\/)?http2.*|src\/net\/.*)$/ },
  { stage: 'requests: draw and pace', module: /^src\/client\/load\/(?:loadGenerator|workload|zipf|ycsb|random)\.ts$/ },
  { stage: 'figures', module: /^(?:src\/client\/load\/.*|npm:hdr-histogram-js)$/ },
  { stage: 'checks of what was acknowledged', module: /^src\/bench\/run\/writeAudit\.ts$/ },
  { stage: 'requests and answers: encode, decode', module: /^src\/wire\// },
  { stage: 'client’s sessions', module: /^src\/client\// },
  { stage: 'the profiler itself', module: PROFILER },
  { stage: 'supervisor, watching', module: /^src\/(?:bench|supervisor)\// },
  { stage: 'Node.js: timers and turns', module: TURNS },
];

/** Stages in the order in which they are told. */
export function stageNames(rules: readonly StageRule[]): string[] {
  return [
    ...new Set([
      ...rules.map(({ stage }) => stage),
      ...Object.values(OUTSIDE).flatMap((name) => name ?? []),
      OTHER_STAGE,
    ]),
  ];
}

/** The stage of a stack, its innermost function first. */
export function stageOf(frames: readonly CallFrame[], rules: readonly StageRule[], modules: Modules): string {
  const [innermost] = frames;
  const outside = innermost === undefined ? undefined : outsideOf(innermost);
  if (outside !== undefined) return outside;
  for (const [at, frame] of frames.entries()) {
    const module = modules.of(frame);
    const rule = rules.find(
      (each) =>
        each.module.test(module) &&
        (each.functions?.test(frame.functionName) ?? true) &&
        (each.calledBy?.test(callerOfOurs(frames, at, modules)) ?? true),
    );
    if (rule !== undefined) return rule.stage;
  }
  return OTHER_STAGE;
}

/** The package of a stack's innermost function; a native one is told with the module that called it. */
export function packageOf(frames: readonly CallFrame[], modules: Modules): string {
  const [innermost] = frames;
  if (innermost === undefined) return OTHER_STAGE;
  const outside = outsideOf(innermost);
  if (outside !== undefined) return outside;
  const module = modules.of(innermost);
  if (module !== NATIVE) return modules.roomOf(module);
  const caller = frames.map((frame) => modules.of(frame)).find((each) => each !== NATIVE);
  return caller === undefined ? NATIVE : `${NATIVE}, called by ${modules.roomOf(caller)}`;
}

function outsideOf({ url, functionName }: CallFrame): string | undefined {
  return url === '' ? OUTSIDE[functionName] : undefined;
}

function callerOfOurs(frames: readonly CallFrame[], from: number, modules: Modules): string {
  for (let at = from; at < frames.length; at++) {
    const module = modules.of(frames[at]!);
    if (module.startsWith('src/')) return module;
  }
  return '';
}
