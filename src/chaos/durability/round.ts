import { mkdirSync } from 'node:fs';
import { cp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { HistoryRecorder } from '../../checker/history.ts';
import type { KeyValueInput, KeyValueOutput } from '../../checker/models/keyValue.ts';
import { RkvError } from '../../client/errors.ts';
import { leadingReport, RkvClient } from '../../client/rkvClient.ts';
import type { EngineName } from '../../consensus/engines.ts';
import { Random } from '../../simulator/random.ts';
import { ClusterError } from '../../supervisor/cluster.ts';
import { serverDirectory } from '../../supervisor/clusterPlan.ts';
import { type RunningCluster, startCluster } from '../../supervisor/launcher.ts';
import { makeTemporaryFolder } from '../../supervisor/process/temporaryFolder.ts';
import type { StatusResponse } from '../../wire/generated/admin.ts';
import { Ends } from '../ends.ts';
import { historyViolation, wordsOf } from '../judgement.ts';
import { Ledger, LostWriteError, readBack } from '../ledger.ts';
import { foundWithin, LivenessError, within } from '../liveness.ts';
import { Registers } from '../registers.ts';
import { Writers } from '../writers.ts';
import { type BlowOptions, Blows, NOT_STRUCK, type Struck } from './blows.ts';
import { type HeldState, heldState, stateViolation } from './heldState.ts';
import { type DurabilityPlan, drawValue, SERVERS } from './plan.ts';

/** What one round came to. */
export interface DurabilityReport {
  readonly engine: EngineName;
  readonly seed: number;
  /** Blows that came to something. */
  readonly struck: Struck;
  /** Writes of a key each. */
  readonly acknowledged: number;
  /** Of those, the ones that every server had, read from it as the leader and then from its disk. */
  readonly everywhere: number;
  /** Reads and writes of few keys, whose history is judged: answered, certainly not done, and of which nobody knows. */
  readonly ok: number;
  readonly failed: number;
  readonly unknown: number;
  /** What must not be, and was, and where the data are; undefined where all is well. */
  readonly violation: { readonly message: string; readonly folder: string } | undefined;
}

export interface DurabilityOptions extends BlowOptions {
  readonly tls: boolean;
}

/** A server does not show what it has to, or not what the others do. */
export class DisagreementError extends Error {
  override readonly name = 'DisagreementError';
}

const NAMED = [LivenessError, LostWriteError, DisagreementError, ClusterError];

/** Somebody stopped the round. */
class StoppedError extends Error {
  override readonly name = 'StoppedError';
}

const ELECTION_MS = 300;
const HEARTBEAT_MS = 30;
const TRAILING_ENTRIES = 50;
/** Writes of each writer that are under way when a blow comes. */
const LANES = 6;
/** The blows are over: how long each thing that is waited for may take. A machine may have other work. */
const HEALING_MS = 60_000;
const TRANSFER_MS = 4000;
const POLL_MS = 50;
const STALL_TIMEOUT_MS = 1000;
const PREFIX = 'rkv-durability-';

/** Runs one plan on real servers, and looks for every acknowledged write on every one of them. Undefined where it was stopped. */
export async function runDurability(
  engine: EngineName,
  plan: DurabilityPlan,
  options: DurabilityOptions,
): Promise<DurabilityReport | undefined> {
  const folder = await makeTemporaryFolder(tmpdir(), PREFIX);
  const report = await new DurabilityRound(engine, plan, folder, options).run();
  if (report?.violation === undefined) {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    return report;
  }
  // Under its name the next run would take it for one that nobody wants any more.
  const kept = join(tmpdir(), `${PREFIX}failed-${basename(folder).slice(PREFIX.length)}`);
  await rename(folder, kept);
  return { ...report, violation: { ...report.violation, folder: kept } };
}

class DurabilityRound {
  private readonly engine: EngineName;
  private readonly plan: DurabilityPlan;
  private readonly folder: string;
  private readonly options: DurabilityOptions;
  private readonly ends = new Ends();
  private readonly ledger = new Ledger();
  private readonly history = new HistoryRecorder<KeyValueInput, KeyValueOutput>();
  private readonly loadEnds = new AbortController();
  private readonly clients: RkvClient[] = [];
  private registers: readonly Registers[] = [];
  private blows: Blows | undefined;
  private everywhere = 0;

  constructor(engine: EngineName, plan: DurabilityPlan, folder: string, options: DurabilityOptions) {
    this.engine = engine;
    this.plan = plan;
    this.folder = folder;
    this.options = options;
  }

  async run(): Promise<DurabilityReport | undefined> {
    const { options, directory } = this;
    options.disks?.prepare(directory, IDS);
    let cluster: RunningCluster | undefined;
    let violation: string | undefined;
    try {
      cluster = await this.start();
      violation = await this.strike(cluster);
    } catch (error) {
      if (error instanceof StoppedError) return undefined;
      violation = wordsOf(error, NAMED);
    } finally {
      this.loadEnds.abort();
      for (const client of this.clients) client.close();
      await cluster?.stopNow();
      violation ??= options.stop.aborted ? undefined : await this.judgeDisks();
      if (violation !== undefined) await this.keepEvidence();
      options.disks?.close();
    }
    return this.report(violation);
  }

  private get directory(): string {
    return join(this.folder, 'cluster');
  }

  private start(): Promise<RunningCluster> {
    const { options, engine, plan, directory } = this;
    return startCluster(
      {
        backend: engine,
        nodes: SERVERS,
        election: `${ELECTION_MS}ms`,
        heartbeat: `${HEARTBEAT_MS}ms`,
        metrics: false,
        tls: options.tls,
        faults: options.disks?.areInMemory === false,
        restart: { enabled: false },
        datadir: directory,
        // A disk that is really full is what the round is about: nobody is to stop before.
        flags: { snapshotentries: plan.snapshotEntries, trailingentries: TRAILING_ENTRIES, diskreserve: 0 },
      },
      { name: 'durability', onEvent: (event) => this.ends.note(event) },
    );
  }

  /** Returns what was wrong with what clients and the servers that run could see. */
  private async strike(cluster: RunningCluster): Promise<string | undefined> {
    const { plan, options } = this;
    const stopped = new Promise<never>((_, reject) => {
      options.stop.addEventListener('abort', () => reject(new StoppedError('stopped')), { once: true });
      if (options.stop.aborted) reject(new StoppedError('stopped'));
    });
    const random = new Random(plan.seed).fork('load');
    const writers = this.startWriters(cluster, random);
    this.registers = this.openRegisters(cluster, random);
    const work = this.registers.map((each) => each.run(this.loadEnds.signal));
    const failure = new Promise<never>((_, reject) => {
      for (const each of work) each.catch(reject);
    });
    this.blows = new Blows(plan.blows, cluster, this.ends, options);
    const blows = async () => {
      await writers.served(1);
      await this.blows!.run();
      await cluster.waitForLeader({ timeoutMs: HEALING_MS });
      await within(HEALING_MS, writers.served(1));
    };
    try {
      await Promise.race([blows(), failure, stopped]);
      this.loadEnds.abort();
      await within(HEALING_MS, Promise.all([...work, writers.close()]));
      await Promise.race([this.readEverywhere(cluster), stopped]);
      return this.ends.foreign ?? historyViolation(this.history);
    } catch (error) {
      if (error instanceof StoppedError) throw error;
      return this.ends.foreign ?? wordsOf(error, NAMED);
    } finally {
      this.loadEnds.abort();
      stopped.catch(() => {});
      failure.catch(() => {});
      void writers.close().catch(() => {});
    }
  }

  private startWriters({ addresses, security }: RunningCluster, random: Random): Writers {
    const values = random.fork('values');
    return new Writers(
      { addresses, security },
      {
        write: (writer, count) => {
          const key = `w${writer}.${count}`;
          return { key, value: drawValue(key, values) };
        },
        onAcknowledged: (write) => this.ledger.note(write),
        lanes: LANES,
      },
    );
  }

  private openRegisters(cluster: RunningCluster, random: Random): Registers[] {
    const keys = this.registerKeys;
    return Array.from({ length: this.plan.clients }, (_, i) => {
      const client = this.openClient(cluster);
      return new Registers(i, client, keys, this.history, random.fork(`registers ${i}`));
    });
  }

  private get registerKeys(): string[] {
    return Array.from({ length: this.plan.keys }, (_, i) => `k${i}`);
  }

  private openClient({ addresses, security }: RunningCluster): RkvClient {
    const client = new RkvClient({ addresses, security, stallTimeoutMs: STALL_TIMEOUT_MS });
    this.clients.push(client);
    return client;
  }

  /** Reads at each server in turn, while it leads: all writes of a key each, and those whose history is judged. */
  private async readEverywhere(cluster: RunningCluster): Promise<void> {
    const operator = this.openClient(cluster);
    for (const id of IDS) {
      await this.readAt(id, cluster, operator);
      this.options.tell(`all ${this.ledger.count} acknowledged writes are at server ${id}`);
    }
    await this.settled(operator);
  }

  private async readAt(id: number, cluster: RunningCluster, operator: RkvClient): Promise<void> {
    const { addresses, security } = cluster;
    const reader = new Registers(READER, operator, [], this.history, new Random(id));
    for (const deadlineMs = performance.now() + HEALING_MS; performance.now() < deadlineMs; ) {
      const term = await this.lead(id, cluster, operator);
      if (term === undefined) continue;
      await readBack({ addresses, security }, this.ledger.all());
      for (const key of this.registerKeys) {
        if (!(await reader.get(key, HEALING_MS))) throw new LivenessError(`nothing was read in ${HEALING_MS} ms`);
      }
      // Otherwise others may have answered.
      if ((await termOf(id, cluster)) === term) return;
    }
    throw new LivenessError(`server ${id} did not lead for as long as it takes to read there, in ${HEALING_MS} ms`);
  }

  /** The term in which it leads; undefined where it does not come to that for now. */
  private async lead(id: number, cluster: RunningCluster, operator: RkvClient): Promise<number | undefined> {
    const term = await termOf(id, cluster);
    if (term !== undefined) return term;
    try {
      await operator.transferLeadership(id, { timeoutMs: TRANSFER_MS });
    } catch (error) {
      if (!(error instanceof RkvError)) throw error;
      await pause(POLL_MS);
    }
    await cluster.waitForLeader({ timeoutMs: HEALING_MS });
    return termOf(id, cluster);
  }

  /** Resolves once every server has all that there is, durably, and applied; with the same number of keys and sessions. */
  private async settled(operator: RkvClient): Promise<void> {
    let said = 'nobody says how it is';
    const settled = await foundWithin(HEALING_MS, POLL_MS, async () => {
      const reports = await operator.statuses();
      const statuses = reports.flatMap((report) => ('status' in report ? [report.status] : []));
      const leader = leadingReport(reports)?.status;
      if (leader === undefined || statuses.length < SERVERS) return undefined;
      const missing = whatIsMissing(leader, statuses);
      if (missing === undefined) return statuses;
      said = missing;
      return undefined;
    });
    if (settled === undefined) {
      throw new LivenessError(`not every server had everything after ${HEALING_MS} ms: ${said}`);
    }
    expectSameCounts(settled);
  }

  /** Every server has ended by SIGKILL: what is on their disks. */
  private async judgeDisks(): Promise<string | undefined> {
    // What was there stays as it was: it may be evidence.
    const copies = join(this.folder, 'read');
    mkdirSync(copies);
    const states: HeldState[] = [];
    for (const id of IDS) {
      const copy = join(copies, `server-${id}`);
      await cp(serverDirectory(this.directory, id), copy, { recursive: true });
      try {
        states.push(await heldState(copy, id));
      } catch (error) {
        return `the disk of server ${id}: ${wordsOf(error, NAMED)}`;
      }
    }
    const violation = stateViolation(states, this.ledger.all());
    if (violation === undefined) this.everywhere = this.ledger.count;
    return violation;
  }

  /** What only this process knows, and disks that end with it. */
  private async keepEvidence(): Promise<void> {
    const lines = (items: readonly object[]) => items.map((item) => `${JSON.stringify(item)}\n`).join('');
    await writeFile(join(this.folder, 'history.jsonl'), lines(this.history.events));
    await writeFile(join(this.folder, 'acknowledged.jsonl'), lines(this.ledger.all()));
    if (this.options.disks?.areInMemory) await cp(this.directory, join(this.folder, 'kept'), { recursive: true });
  }

  private report(violation: string | undefined): DurabilityReport {
    const sum = (of: 'ok' | 'failed' | 'unknown') => this.registers.reduce((all, { counts }) => all + counts[of], 0);
    return {
      engine: this.engine,
      seed: this.plan.seed,
      struck: this.blows?.struck ?? NOT_STRUCK,
      acknowledged: this.ledger.count,
      everywhere: this.everywhere,
      ok: sum('ok'),
      failed: sum('failed'),
      unknown: sum('unknown'),
      violation: violation === undefined ? undefined : { message: violation, folder: this.folder },
    };
  }
}

const IDS = Array.from({ length: SERVERS }, (_, i) => i + 1);
/** In the history, who reads at each server. */
const READER = -1;

/** The term in which it leads; undefined where it does not. */
async function termOf(id: number, cluster: RunningCluster): Promise<number | undefined> {
  if ((await cluster.leader()) !== id) return undefined;
  return (await cluster.status()).find((report) => report.id === id && report.role === 'leader')?.term;
}

function whatIsMissing({ lastIndex, peers, id: leader }: StatusResponse, statuses: readonly StatusResponse[]) {
  for (const { id, appliedIndex } of statuses) {
    if (appliedIndex !== lastIndex) return `server ${id} has applied ${appliedIndex} of ${lastIndex} entries`;
  }
  const behind = peers.find(({ id, matchIndex }) => id !== leader && matchIndex !== lastIndex);
  if (behind === undefined) return undefined;
  return `server ${leader} knows of ${behind.matchIndex} of ${lastIndex} entries at server ${behind.id}`;
}

function expectSameCounts(statuses: readonly StatusResponse[]): void {
  const [first, ...others] = statuses;
  const other = others.find(({ keys, sessions }) => keys !== first!.keys || sessions !== first!.sessions);
  if (other === undefined) return;
  const words = ({ id, keys, sessions }: StatusResponse) => `server ${id} has ${keys} keys and ${sessions} sessions`;
  throw new DisagreementError(`of the same entries ${words(first!)}, ${words(other)}`);
}
