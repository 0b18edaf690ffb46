import { z } from 'zod';
import { KEY_DISTRIBUTIONS, YCSB_NAMES } from '../../client/load/ycsb.ts';
import { ETCD_SCHEMAS, FIELD_SCHEMAS } from './settingFields.ts';

/** Raised when a field changes its meaning or goes; a reader takes what is as old as itself or older. */
export const SCHEMA_VERSION = 2;

const count = z.int().min(0);
/** A time in whole µs. */
const us = z.int().min(0);
const perSecond = z.number().min(0);

const latency = z.object({
  count,
  mean: us,
  p25: us,
  p50: us,
  p75: us,
  p90: us,
  p95: us,
  p99: us,
  p999: us,
  /** Not there where an older rkv-bench measured. */
  p9999: us.optional(),
  max: us,
});

const settings = z.object({
  cluster: z.discriminatedUnion('kind', [
    z.object({
      kind: z.literal('own'),
      servers: z.int().min(1),
      ...FIELD_SCHEMAS,
      /** How far the servers are from each other and from the clients, one way; none where it is not there. */
      distance: z.string().optional(),
      /** Ids of those that form the cluster at first; all of them where it is not there. */
      members: z.array(z.int().min(1)).optional(),
      /** Other settings of rkvd that were given, as they were typed. */
      flags: z.record(z.string(), z.string()).optional(),
      /** Servers and clients proved to each other who they are; not there where they did not. */
      tls: z.literal(true).optional(),
      /** The program that ran as a server; this package's rkvd where it is not there. */
      rkvd: z.string().optional(),
    }),
    z.object({ kind: z.literal('running'), addresses: z.array(z.string()) }),
    /** etcd itself: members that the bench starts. */
    z.object({ kind: z.literal('etcd'), servers: z.int().min(1), ...ETCD_SCHEMAS }),
    z.object({ kind: z.literal('running-etcd'), addresses: z.array(z.string()) }),
  ]),
  /** What was done to the cluster meanwhile; nothing where it is not there. */
  schedule: z
    .object({
      name: z.string(),
      /** The scenario's file as it was typed; not there where it is an experiment's own. */
      file: z.string().optional(),
      /** Of an experiment: the short form of it. */
      isQuick: z.literal(true).optional(),
      /** As a scenario's file says them; times count from the beginning of the timeline. */
      steps: z.array(z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]))),
    })
    .optional(),
  load: z.object({
    clients: z.int().min(1),
    /** Requests per second of each client; null: closed loop. */
    ratePerClient: perSecond.nullable(),
    timeMs: z.number().min(0),
    warmupMs: z.number().min(0),
    /** Fraction of lookups. */
    reads: z.number().min(0).max(1),
    payloadBytes: z.int().min(1),
    keyspace: z.int().min(1),
    /** Of the original's workload. */
    zipfS: z.number(),
    zipfV: z.number(),
    /** One of YCSB's, with as many records as `keyspace` says; the original's where it is not there. */
    workload: z.enum(YCSB_NAMES).optional(),
    /** How its keys are drawn, where that was asked for. */
    requestDistribution: z.enum(KEY_DISTRIBUTIONS).optional(),
    seed: z.int(),
    rpc: z.enum(['stream', 'unary']),
    /** Processes that make the load; the bench itself where it is not there. */
    workers: z.int().min(2).optional(),
  }),
  repeats: z.int().min(1),
});

/** Of a stage, µs; of what went together, entries. */
const stageSpread = z.object({
  unit: z.string(),
  count,
  mean: z.number().min(0),
  p50: z.number().min(0),
  p90: z.number().min(0),
  p99: z.number().min(0),
  max: z.number().min(0),
});

/** Where a server's time went: see docs/operations.md. */
const stages = z.object({
  seconds: z.number().min(0),
  spreads: z.record(z.string(), stageSpread),
  /** Shares of that time: of the thread that ran, and of garbage collection. */
  loopUtilization: z.number().min(0),
  collectionShare: z.number().min(0),
});

/** One server as it described itself after the load. */
const server = z.object({
  id: count,
  address: z.string(),
  backend: z.string(),
  role: z.string(),
  /** As its engine really applies them. */
  effectiveSettings: z.record(z.string(), z.string()),
  /** CPU time spent in the measured window, seconds; null where the process cannot be seen. */
  cpuSeconds: z.number().min(0).nullable(),
  /** Most memory it ever held, bytes. */
  residentBytesMax: count.nullable(),
  /** In the measured window; null where it does not say, or was started anew in it. */
  stages: stages.nullish(),
});

const second = z.object({
  /** Counted from 0. */
  second: count,
  writes: count,
  reads: count,
  failed: count,
  dropped: count,
  /** Of reads and writes together. */
  p50Us: us,
  p99Us: us,
  maxUs: us,
});

/** What may lie between the servers and the figures: the processes that made the load, in the measured phase. */
const generator = z.object({
  processes: z.int().min(1),
  /** Of one core, what the busiest one's thread took, 0 to 1. */
  cpuShareMax: z.number().min(0).max(1),
  /** How late timers ran, of the process where that was worst. */
  loopDelayUs: z.object({ p99: us, max: us }),
  /** Open loop: how long after it was due a request left. It is part of the response times. */
  sentLateUs: z.object({ p50: us, p99: us, max: us }).optional(),
  /** By what the figures are the generator's rather than the servers': too little of its core was idle; requests left too late. */
  limitedBy: z.array(z.enum(['cpu', 'late'])),
});

const verification = z.object({
  status: z.enum(['verified', 'failed', 'not-checked']),
  /** Acknowledged inserts, those of the warm-up included. */
  acknowledgedWrites: count,
  /** Log entries that the leader applied meanwhile; null where other clients may have added to them. */
  appliedEntries: count.nullable(),
  /** Keys read back and compared with what was acknowledged. */
  keysRead: count,
  problems: z.array(z.string()),
});

export const INCIDENT_KINDS = [
  /** A term began. */
  'election',
  /** Another server leads, or the same one in another term. */
  'leader',
  /** No server led that a majority followed. */
  'leaderless',
  /** A server's process was not there, or it did not answer. */
  'down',
  /** Requests waited, and none was answered. */
  'stall',
  /** A fault on purpose. */
  'fault',
  /** Something else that was done to the cluster on purpose. */
  'step',
  /** What the client had to do otherwise than it was asked to. */
  'notice',
] as const;

const incident = z.object({
  kind: z.enum(INCIDENT_KINDS),
  /** In the clock of the timeline, ms: below 0 while it warmed up. Null where nobody noted it, as in runs of version 1. */
  atMs: z.number().nullable(),
  /** Null where it has no length, or was not over when the measurement was. */
  untilMs: z.number().nullable(),
  /** Null where it is not about one server. */
  server: count.nullable(),
  what: z.string(),
});

const ms = z.number().min(0);

/**
 * What became of clients and servers after the first step that changed anything, "the fault". Times are ms from then; of null there was
 * nothing to wait for.
 */
const recovery = z.object({
  /** When it was, in the clock of the timeline. */
  faultAtMs: ms,
  /** Until a server that was not hit stopped following the leader that was. */
  detectMs: ms.nullable(),
  /** Until another server led. */
  successorMs: ms.nullable(),
  /** Until an insert was answered that was sent after it; where none was, until the end. */
  firstWriteMs: ms,
  /** The longest time without an answered insert. */
  gapMs: ms,
  /** Without a leader whom a majority followed, in all. */
  leaderlessMs: ms,
  /** Until the beginning of the first second with 95 % of the rate before; where there was none, until the end. */
  fullRateMs: ms.nullable(),
  isFullRateReached: z.boolean(),
  /** Requests answered a second before the fault. */
  ratePerSecondBefore: perSecond,
  /** From when a server was let back until it took part and had what was committed then: the longest. */
  catchUpMs: ms.nullable(),
  /** From when a change of the members or a transfer was asked for until it was done: the longest. */
  operatorMs: ms.nullable(),
  /** Requests that failed or were dropped after it. */
  failed: count,
  /** Requests that were answered after it, but took longer than 200 ms and 4 times the distance. */
  slow: count,
});

const repeat = z.object({
  startedAt: z.string(),
  /** Of a series, counted from 0; not there where a run was made before there were series. */
  round: count.optional(),
  interrupted: z.boolean(),
  /** In which requests were issued, ms. */
  windowMs: z.number().min(0),
  issued: count,
  writes: count,
  reads: count,
  failed: count,
  /** Open loop: due, but never sent, because too many were unanswered. */
  dropped: count,
  /** Completed within the window, divided by it. */
  writesPerSecond: perSecond,
  readsPerSecond: perSecond,
  writeLatencyUs: latency,
  readLatencyUs: latency,
  errorsByKind: z.record(z.string(), count),
  /** Open loop: the furthest that issuing fell behind its schedule. It is part of the latencies. */
  lagUsMax: us,
  /** What the client library mended by sending again. */
  client: z.object({ retries: count, linksLost: count, stalls: count, notLeader: count }),
  timeline: z.array(second),
  servers: z.array(server),
  leader: count.nullable(),
  benchCpuSeconds: z.number().min(0),
  /** CPU time per completed command, µs, with fractions. */
  benchCpuUsPerCommand: z.number().min(0).nullable(),
  serversCpuUsPerCommand: z.number().min(0).nullable(),
  /** Not there where an older rkv-bench measured. */
  generator: generator.optional(),
  /** What other processes took of the machine's cores meanwhile, 0 to 1. */
  othersCpuShare: z.number().min(0).nullable(),
  /** What happened meanwhile that the figures are of as well, in the order of time. */
  incidents: z.array(incident),
  /** Where there was a schedule, and one of its steps changed anything. */
  recovery: recovery.optional(),
  verification,
});

/** Over the repeats. */
const spread = z.object({ median: z.number(), min: z.number(), max: z.number() });

const merged = z.object({
  writes: count,
  reads: count,
  failed: count,
  dropped: count,
  writesPerSecond: spread,
  readsPerSecond: spread,
  /** Of the histograms of all repeats added up. */
  writeLatencyUs: latency,
  readLatencyUs: latency,
  writeP50Us: spread,
  writeP99Us: spread,
  /** Open loop: of reads and writes, from when it was their turn. */
  serviceUs: latency.optional(),
  errorsByKind: z.record(z.string(), count),
});

const machine = z.object({
  cpuModel: z.string(),
  cores: z.int().min(1),
  memoryBytes: count,
  platform: z.string(),
  kernel: z.string(),
  node: z.string(),
});

const disk = z.object({
  fileSystem: z.string(),
  inMemory: z.boolean(),
  /** Of appending 4 KiB to a file and fdatasync, before the load. */
  syncUs: z.object({ count, p50: us, p99: us, max: us }),
});

export const runSchema = z.object({
  schemaVersion: z.literal(SCHEMA_VERSION),
  name: z.string().min(1),
  startedAt: z.string(),
  interrupted: z.boolean(),
  /**
   * Runs with one id were measured together: repeats of one round directly after one another, in an order that changes from
   * round to round. They are compared pair by pair.
   */
  series: z.object({ id: z.string().min(1) }).optional(),
  settings,
  machine,
  /** Where the servers' data was; null where that was not ours to see. */
  disk: disk.nullable(),
  versions: z.record(z.string(), z.string()),
  /** Null outside of a checkout. */
  git: z.object({ commit: z.string(), dirty: z.boolean() }).nullable(),
  repeats: z.array(repeat).min(1),
  merged,
  verdict: z.object({
    passed: z.boolean(),
    verified: z.boolean(),
    problems: z.array(z.string()),
    warnings: z.array(z.string()),
  }),
});

/** `results/<run>/run.json`: one cluster's settings under one load, measured once or more. */
export type RunRecord = z.infer<typeof runSchema>;
export type RunSettings = RunRecord['settings'];
export type LoadSettings = RunSettings['load'];
export type RepeatRecord = z.infer<typeof repeat>;
export type Incident = z.infer<typeof incident>;
export type IncidentKind = Incident['kind'];
export type Recovery = z.infer<typeof recovery>;
export type ServerRecord = z.infer<typeof server>;
export type StageSpread = z.infer<typeof stageSpread>;
export type StagesRecord = z.infer<typeof stages>;
export type SecondRecord = z.infer<typeof second>;
export type GeneratorRecord = z.infer<typeof generator>;
export type Verification = z.infer<typeof verification>;
export type LatencyUs = z.infer<typeof latency>;
export type Merged = z.infer<typeof merged>;
export type Spread = z.infer<typeof spread>;
export type Verdict = RunRecord['verdict'];
export type MachineFacts = z.infer<typeof machine>;
export type DiskFacts = z.infer<typeof disk>;
export type GitFacts = NonNullable<RunRecord['git']>;
