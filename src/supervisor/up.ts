import { realpathSync } from 'node:fs';
import { relative } from 'node:path';
import type { CommandOutput } from '../cli/terminal.ts';
import type { CredentialFiles } from '../net/endpoints/credentials.ts';
import { findLeader } from '../scenarios/samples.ts';
import { type Cluster, ClusterError, type ServerProgram, type ServerReport } from './cluster.ts';
import { type ClusterPlan, serverDirectory } from './clusterPlan.ts';
import type { ControlRequest } from './control/protocol.ts';
import { register } from './control/registry.ts';
import { serveControl } from './control/server.ts';
import { Claim, controlPath } from './control/stateFile.ts';
import { EventLog } from './eventLog.ts';
import { type ClusterEvent, describeEvent } from './events.ts';
import type { FaultReport } from './faults/clusterFaults.ts';
import { startPlanned } from './launcher.ts';
import { watchLeader } from './leaderWatch.ts';
import { Operator } from './operator.ts';
import { identify, isOurServer, isRunning, type ProcessIdentity, serversThatRun } from './process/identity.ts';
import { renderStatus } from './statusTable.ts';
import { renderTls } from './tls/clientCommand.ts';
import { operatorFiles } from './tls/tlsPlan.ts';

/** How long servers may take to end whose supervisor was killed, ms; rkvd allows itself 10 s for it. */
const LEFTOVER_MS_MAX = 12_000;
const LEFTOVER_POLL_MS = 50;
/** How long `rejoin` waits until a server takes part, ms: less than whoever asked waits for the answer. */
const REJOIN_MS_MAX = 40_000;

/** How often it is looked whether certificates end soon, ms: they hold for a year. */
const CERTIFY_MS = 60 * 60_000;

/** The events after which other processes run than before. */
const CHANGES_PROCESSES: ReadonlySet<ClusterEvent['type']> = new Set(['started', 'crashed', 'refused', 'ended']);

export interface UpOptions {
  /** The cluster file, for whoever asks for its cluster from elsewhere. */
  readonly file: string;
  readonly fresh: boolean;
  /** A file of a snapshot to begin a new cluster with. */
  readonly restore?: string;
  readonly readyTimeoutMs?: number;
  readonly program?: ServerProgram;
  /** Calls back for every request to stop that comes from outside, such as Ctrl-C; returns how to end that. */
  readonly onInterrupt: (interrupt: () => void) => () => void;
}

/** Runs a cluster in the foreground until it is asked to stop. Resolves with the exit code; throws where it does not come up. */
export async function up(plan: ClusterPlan, options: UpOptions, terminal: CommandOutput): Promise<number> {
  const claim = Claim.take(plan.directory, plan.name, plan.tls !== undefined);
  const attempted = <T>(consequence: string, work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      // A cluster runs without it all the same.
      terminal.err(`rkv-cluster: ${consequence}: ${(error as Error).message}`);
      return undefined;
    }
  };
  let events: EventLog | undefined;
  try {
    attempted('`rkv-cluster list` will not show this cluster', () =>
      register(plan.directory, realpathSync(options.file), plan.name),
    );
    events = attempted('`rkv-cluster events` will not tell of this run', () => new EventLog(plan.directory));
    await endLeftovers(leftovers(claim, plan), terminal);
    return await new Supervision(plan, options, terminal, claim, events).run();
  } finally {
    events?.close();
    claim.release();
  }
}

/** A server that a supervisor which was killed may have left. */
interface Leftover {
  readonly process: ProcessIdentity;
  readonly id: number;
  readonly directory: string;
}

/**
 * What still runs of what an earlier supervisor noted, without what the kernel says is none of our servers; and what the kernel says is
 * one, which that supervisor was killed too soon to note.
 */
function leftovers(claim: Claim, plan: ClusterPlan): Leftover[] {
  const directoryOf = (id: number) => plan.servers[id - 1]?.directory ?? serverDirectory(plan.directory, id);
  const noted = claim.before.flatMap(({ id, process }) => {
    if (process === null) return [];
    const one = { process, id, directory: directoryOf(id) };
    return isOurServer(process, one) !== false && isRunning(process) ? [one] : [];
  });
  const ids = new Set([...plan.servers, ...claim.before].map(({ id }) => id));
  const found = serversThatRun([...ids].map(directoryOf));
  return [...noted, ...found.filter(({ process }) => !noted.some((one) => one.process.pid === process.pid))];
}

/** The servers of a supervisor that was killed end by themselves; those that do not in time are ended here. */
async function endLeftovers(leftovers: readonly Leftover[], terminal: CommandOutput): Promise<void> {
  if (leftovers.length === 0) return;
  const pids = leftovers.map(({ process }) => process.pid).join(', ');
  terminal.out(`waiting for servers whose supervisor was killed to end (pid ${pids})`);
  const deadlineMs = performance.now() + LEFTOVER_MS_MAX;
  const running = () => leftovers.filter((one) => isRunning(one.process));
  while (running().length > 0) {
    if (performance.now() > deadlineMs) for (const one of running()) endLeftover(one);
    await new Promise((done) => setTimeout(done, LEFTOVER_POLL_MS));
  }
}

/** Only where the kernel says that it is the very process that was started for this cluster. */
function endLeftover(one: Leftover): void {
  const { pid } = one.process;
  const isOurs = isOurServer(one.process, one);
  if (isOurs === undefined) {
    throw new ClusterError(`a server of an earlier run may still run (pid ${pid}): end it first`);
  }
  if (isOurs) process.kill(pid, 'SIGKILL');
}

class Supervision {
  private readonly plan: ClusterPlan;
  private readonly options: UpOptions;
  private readonly terminal: CommandOutput;
  private readonly claim: Claim;
  private readonly events: EventLog | undefined;
  private cluster: Cluster | undefined;
  private operator: Operator | undefined;
  private isUp = false;
  private stopAsked = false;
  private stopping: Promise<void> | undefined;
  private wakeStop: () => void = () => {};
  private readonly stopRequest = new Promise<void>((wake) => {
    this.wakeStop = wake;
  });

  constructor(
    plan: ClusterPlan,
    options: UpOptions,
    terminal: CommandOutput,
    claim: Claim,
    events: EventLog | undefined,
  ) {
    this.plan = plan;
    this.options = options;
    this.terminal = terminal;
    this.claim = claim;
    this.events = events;
  }

  async run(): Promise<number> {
    const { out } = this.terminal;
    const stopListening = this.options.onInterrupt(() => this.interrupt());
    const control = await serveControl(controlPath(this.plan.directory), (request) => this.answer(request));
    try {
      const { name, backend } = this.plan;
      this.note({ type: 'supervised', name, pid: process.pid, backend });
      const cluster = await this.start();
      if (cluster === undefined) return 0;
      const reports = await cluster.status();
      const leader = findLeader(reports);
      if (leader !== undefined) this.note({ type: 'leader', id: leader.id, term: leader.term! });
      out([renderStatus(reports), ...renderTls({ tls: this.tlsFiles, servers: reports })].join('\n'));
      out('Ctrl-C stops the cluster');
      this.isUp = true;
      const stopWatching = watchLeader(cluster, (event) => this.note(event), reports);
      const renewal = setInterval(() => void this.certify(cluster), CERTIFY_MS);
      await this.stopRequest;
      clearInterval(renewal);
      stopWatching();
      await this.stop();
      return 0;
    } finally {
      stopListening();
      await control.close();
    }
  }

  private get tlsFiles(): CredentialFiles | null {
    const { tls } = this.plan;
    return tls === undefined ? null : operatorFiles(tls);
  }

  /** Servers run on with what they have: those whose certificate ends say so, too. */
  private async certify(cluster: Cluster): Promise<void> {
    try {
      await cluster.certify();
    } catch (error) {
      this.terminal.err(`rkv-cluster: certificates stay as they are: ${(error as Error).message}`);
    }
  }

  /** Undefined where the cluster was asked to stop before it was up. */
  private async start(): Promise<Cluster | undefined> {
    try {
      await startPlanned(this.plan, {
        ...this.options,
        onCluster: (cluster) => {
          this.cluster = cluster;
          this.operator = new Operator(cluster, (event) => this.note(event));
          this.sayStarting(cluster);
          if (this.stopAsked) this.askStop();
        },
        onEvent: (event) => this.note(event),
      });
    } catch (error) {
      if (this.stopAsked) return undefined;
      throw error;
    }
    return this.cluster;
  }

  private sayStarting({ presentIds, plan: { backend, directory } }: Cluster): void {
    const count = `${presentIds.length} ${presentIds.length === 1 ? 'server' : 'servers'}`;
    this.terminal.out(`starting ${count} (${backend}) with data in ${relative('', directory) || '.'}`);
  }

  private note(event: ClusterEvent): void {
    const nowMs = Date.now();
    this.terminal.out(`${new Date(nowMs).toISOString().slice(11, 23)} ${describeEvent(event)}`);
    this.events?.write(event, nowMs);
    if (CHANGES_PROCESSES.has(event.type)) this.noteProcesses(this.cluster!.pids());
  }

  private noteProcesses(pids: ReadonlyMap<number, number>): void {
    const servers = this.cluster!.plan.servers.map(({ id, address }) => {
      const pid = pids.get(id);
      return { id, address, process: pid === undefined ? null : identify(pid) };
    });
    try {
      this.claim.update(servers);
    } catch (error) {
      // Such as a full disk. The servers may well live through it, and what is noted matters only after our own end.
      this.terminal.err(`rkv-cluster: cannot note the servers' processes: ${(error as Error).message}`);
    }
  }

  /** The first time asks the servers to stop, the second time ends them. */
  private interrupt(): void {
    if (this.stopAsked) {
      this.cluster?.stopNow().catch(() => {});
      return;
    }
    this.askStop();
  }

  private askStop(): void {
    this.stopAsked = true;
    this.wakeStop();
    // A failure to stop is the run's own, which waits for the same promise.
    this.stop().catch(() => {});
  }

  /** Hands leadership over first: what the leader has begun is decided then, and what comes is refused, not left open. */
  private stop(): Promise<void> {
    this.stopping ??= (async () => {
      if (this.isUp) await this.operator?.handOver();
      await this.cluster?.stop();
    })();
    return this.stopping;
  }

  private async answer(request: ControlRequest): Promise<unknown> {
    const { cluster, operator } = this;
    if (cluster === undefined || operator === undefined)
      throw new ClusterError('the cluster is only just starting: try again');
    switch (request.command) {
      case 'status':
        return {
          name: this.plan.name,
          pid: process.pid,
          up: this.isUp,
          servers: await cluster.status(),
          faults: cluster.faults.list(),
          tls: this.tlsFiles,
        } satisfies ClusterStatus;
      case 'down':
        this.askStop();
        return this.stop();
      case 'stop':
        return operator.stop(request.id);
      case 'start':
        return operator.start(request.id);
      case 'transfer':
        return operator.transfer(request.id);
      case 'add':
        return operator.add(request.id, request.address);
      case 'remove':
        return operator.remove(request.id);
      case 'kill':
        return cluster.kill(request.id, request.signal, { restart: request.restart });
      case 'restart':
        return operator.restart(request.id);
      case 'rejoin':
        return cluster.rejoin(request.id, { timeoutMs: REJOIN_MS_MAX, survivor: request.survivor });
      case 'revoke':
        return cluster.revoke(request.holder);
      case 'pause':
        return cluster.pause(request.id);
      case 'resume':
        return cluster.resume(request.id);
      case 'fault':
        return cluster.faults.begin(request.fault);
      case 'heal':
        return cluster.faults.heal(request.ids);
    }
  }
}

/** What `rkv-cluster status --json` prints. */
export interface ClusterStatus {
  readonly name: string;
  /** Of the supervisor. */
  readonly pid: number;
  /** Its start is over, which ends when a server leads. */
  readonly up: boolean;
  readonly servers: readonly ServerReport[];
  /** On purpose, those in force. */
  readonly faults: readonly FaultReport[];
  /** The files by which an operator proves who he is; null where nobody has to. */
  readonly tls: CredentialFiles | null;
}
