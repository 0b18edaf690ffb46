import { existsSync, readdirSync } from 'node:fs';
import { printable } from '../cli/printable.ts';
import { noServer } from '../faults/requests/targets.ts';
import { KeptCredentials } from '../net/endpoints/keptCredentials.ts';
import type { Security } from '../net/endpoints/security.ts';
import { findLeader, type ServerSample } from '../scenarios/samples.ts';
import { ExitCode } from '../wire/supervision.ts';
import { addressesOf, type ClusterPlan, type ServerPlan, type StartFrom, serverFlags } from './clusterPlan.ts';
import type { Membership } from './clusterState.ts';
import { type ClusterEvent, type ClusterEventListener, describeExit } from './events.ts';
import { ClusterFaults } from './faults/clusterFaults.ts';
import { ManagedServer, type ServerState, type StopGrace } from './managedServer.ts';
import { LogBuffer } from './process/logBuffer.ts';
import { launch, type ProcessExit } from './process/serverProcess.ts';
import { ServerStateError } from './serverStateError.ts';
import { StatusClient } from './statusClient.ts';
import { keepPlanCertificates, revokePlanCertificate } from './tls/keptCertificates.ts';
import { operatorFiles } from './tls/tlsPlan.ts';

/** How long one server's answer to a status call is waited for, ms. They run on this machine, whatever distance is put between them. */
const STATUS_TIMEOUT_MS = 1000;
/** How often servers are asked for what is awaited of them, ms. */
const POLL_MS = 50;
/** Log lines of each server that go into an error. */
const ERROR_LOG_LINES = 10;

/** The program that is one server, and what comes before its flags. */
export interface ServerProgram {
  readonly file: string;
  readonly args: readonly string[];
}

/** One server as the supervisor and the server itself see it. What only the server knows is undefined where it does not answer. */
export interface ServerReport extends ServerSample {
  readonly address: string;
  readonly state: ServerState;
  /** `stop` was asked for: it is down until `start`. */
  readonly held: boolean;
  /** What `add` or `remove` came to; undefined where it was neither added nor removed. */
  readonly membership: Membership | undefined;
  readonly pid: number | undefined;
  readonly restarts: number;
  readonly restartInMs: number | undefined;
  /** How its last process ended. */
  readonly lastExit: string | undefined;
  readonly metricsAddress: string | undefined;
  /** The settings as its engine really applies them. */
  readonly settings: Readonly<Record<string, string>> | undefined;
}

/** The cluster did not come up, or lost what was asked of it. The message ends with the last log lines of the servers. */
export class ClusterError extends Error {
  override readonly name: string = 'ClusterError';
}

/** A server ended at once: another process listens at its address. */
export class AddressInUseError extends ClusterError {
  override readonly name = 'AddressInUseError';
}

export interface ClusterOptions {
  readonly program: ServerProgram;
  readonly environment: Readonly<Record<string, string>>;
  readonly grace: StopGrace;
  readonly onEvent: ClusterEventListener;
  /** How servers are reached whose plan says nothing of certificates. */
  readonly security: Security;
  /** Called once every server has ended. */
  readonly cleanUp: () => Promise<void>;
}

/** Server processes of one plan. Starting them, waiting for a leader and cleaning up are steps of their own, which launcher.ts takes. */
export class Cluster {
  private currentPlan: ClusterPlan;
  private readonly options: ClusterOptions;
  private readonly servers = new Map<number, ManagedServer>();
  private readonly logBuffers = new Map<number, LogBuffer>();
  private readonly clients = new Map<number, StatusClient>();
  private certified: KeptCredentials | undefined;
  /** The addresses that each server's process was started with. */
  private readonly knownAddresses = new Map<number, string>();
  /** On purpose. */
  readonly faults: ClusterFaults;
  private ready = false;
  private stopping: Promise<void> | undefined;

  constructor(plan: ClusterPlan, options: ClusterOptions) {
    this.currentPlan = plan;
    this.options = options;
    for (const server of plan.servers) this.prepare(server);
    this.faults = new ClusterFaults(
      {
        ids: () => this.presentIds,
        address: (id) => addressHere(this.plan.servers[id - 1]!),
        security: () => this.security,
        state: (id) => this.server(id).state,
        leader: () => this.leader(),
        kill: (id, signal, how) => this.kill(id, signal, how),
        pause: (id) => this.pause(id),
        resume: (id) => this.resume(id),
        startAgain: (id) => {
          if (this.stopping === undefined && !this.server(id).held) this.server(id).startAgain();
        },
      },
      options.onEvent,
    );
  }

  get plan(): ClusterPlan {
    return this.currentPlan;
  }

  /** Those that were not removed. */
  get presentIds(): readonly number[] {
    return this.plan.servers.filter(({ membership }) => membership !== 'removed').map(({ id }) => id);
  }

  private prepare(server: ServerPlan): void {
    this.logBuffers.set(server.id, new LogBuffer());
    this.servers.set(server.id, this.manage(server));
  }

  /** How this process proves to the servers who it is: as an operator. */
  get security(): Security {
    return this.certified?.security ?? this.options.security;
  }

  /**
   * Makes the certificates that are missing or end soon, where they are made here, and shows the operator's of now; servers look at their
   * files again by themselves, as this does. To be called before what is new is started. Throws as `keepPlanCertificates`, and CertificateError.
   */
  async certify(): Promise<void> {
    const { tls } = this.plan;
    if (tls === undefined) return;
    const issued = await keepPlanCertificates(this.plan);
    if (issued.length > 0) this.options.onEvent({ type: 'certified', names: issued.map(({ name }) => name) });
    const tell = (words: string) => this.options.onEvent({ type: 'operator-certificate', words });
    this.certified ??= new KeptCredentials(operatorFiles(tls), 0, { info: () => {}, warn: tell, error: tell });
    this.certified.look();
  }

  /** As `revokePlanCertificate`; this process shows its new one, if that is whose it was. Servers look at their files by themselves. */
  async revoke(holder: string): Promise<void> {
    const issued = await revokePlanCertificate(this.plan, holder);
    this.options.onEvent({ type: 'revoked', holder, names: issued.map(({ name }) => name) });
    this.certified?.look();
  }

  private statusClient(id: number): StatusClient {
    const known = this.clients.get(id);
    if (known !== undefined) return known;
    const client = new StatusClient(addressHere(this.plan.servers[id - 1]!), this.security, id);
    this.clients.set(id, client);
    return client;
  }

  private manage(server: ServerPlan): ManagedServer {
    const { program, environment, grace, onEvent } = this.options;
    return new ManagedServer({
      id: server.id,
      policy: this.plan.restart,
      // A server that cannot even start will not the second time: that ends the start of the cluster.
      mayRestart: () => this.ready,
      grace,
      onEvent: (event) => {
        onEvent(event);
        if (event.type === 'started') this.faults.started(event.id);
      },
      nowMs: () => performance.now(),
      launch: (from, more) => {
        this.knownAddresses.set(server.id, this.addresses.join(','));
        return launch({
          file: program.file,
          args: [...program.args, ...serverFlags(this.plan, server, from), ...more],
          directory: server.directory,
          environment: { ...environment, ...this.faults.startEnvironment(server.id) },
          logFile: server.logFile,
          log: this.logBuffers.get(server.id)!,
        });
      },
    });
  }

  /** `host:port` of every server, in the order of their ids. */
  get addresses(): readonly string[] {
    return addressesOf(this.plan);
  }

  /** Starts every server that was not removed; with `fresh` empty, else from its data where it has some. */
  start(fresh: boolean): void {
    if (this.stopping !== undefined) return;
    for (const id of this.presentIds) this.startServer(id, fresh ? 'nothing' : undefined);
  }

  /** Starts it where it is down, from its data where it has some unless `from` says otherwise. */
  startServer(id: number, from?: StartFrom): void {
    const server = this.server(id);
    if (this.stopping !== undefined) throw new ServerStateError('the cluster is stopping');
    this.expectPresent(id);
    server.start(from ?? (hasData(this.plan.servers[id - 1]!) ? 'data' : 'nothing'));
  }

  private expectPresent(id: number): void {
    if (this.plan.servers[id - 1]!.membership !== 'removed') return;
    throw new ServerStateError(`server ${id} was removed: \`rkv-cluster add ${id}\` brings it back`);
  }

  /** Makes room for one more server, which the others know once they are started again. */
  extend(server: ServerPlan): void {
    this.currentPlan = { ...this.plan, servers: [...this.plan.servers, server] };
    this.prepare(server);
  }

  /** Another address for a server that does not run; the others know it once they are started again. */
  relocate(id: number, address: string): void {
    const moved = this.plan.servers.map((server) => (server.id === id ? { ...server, address } : server));
    this.currentPlan = { ...this.plan, servers: moved };
    this.clients.get(id)?.close();
    this.clients.delete(id);
    this.prepare(moved[id - 1]!);
  }

  setMembership(id: number, membership: Membership | undefined): void {
    const servers = this.plan.servers.map((server) => (server.id === id ? { ...server, membership } : server));
    this.currentPlan = { ...this.plan, servers };
  }

  /** Whether its process was started with the addresses that there are now. */
  knowsAddresses(id: number): boolean {
    return this.knownAddresses.get(id) === this.addresses.join(',');
  }

  private server(id: number): ManagedServer {
    const server = this.servers.get(id);
    if (server === undefined) {
      throw new ServerStateError(noServer(id, [...this.servers.keys()]));
    }
    return server;
  }

  /** The last lines that server `id` printed, oldest first. */
  logs(id: number, lines = 200): string[] {
    this.server(id);
    return this.logBuffers.get(id)!.last(lines);
  }

  /** The pids of the processes that run now, by server id. */
  pids(): Map<number, number> {
    const pids = new Map<number, number>();
    for (const [id, server] of this.servers) if (server.pid !== undefined) pids.set(id, server.pid);
    return pids;
  }

  status(): Promise<ServerReport[]> {
    return Promise.all(this.plan.servers.map((server) => this.report(server)));
  }

  private async report({ id, address }: ServerPlan): Promise<ServerReport> {
    const server = this.server(id);
    const answer = server.state === 'running' ? await this.statusClient(id).ask(STATUS_TIMEOUT_MS) : undefined;
    // Another process may listen at that port, or listen still; its answer is not this server's.
    const status = answer !== undefined && answer.id === id && answer.pid === server.pid ? answer : undefined;
    return {
      id,
      address,
      state: server.state,
      held: server.held,
      membership: this.plan.servers[id - 1]!.membership,
      pid: server.pid,
      restarts: server.restarts,
      restartInMs: server.restartInMs,
      lastExit: server.lastExit === undefined ? undefined : describeExit(server.lastExit),
      role: status?.role,
      term: status?.term,
      leader: status?.leader,
      commitIndex: status?.commitIndex,
      appliedIndex: status?.appliedIndex,
      voters: status?.voters,
      metricsAddress: status?.metricsAddress,
      settings: status?.settings,
    };
  }

  /** The id of the leader that a majority of its voters follow, or undefined where there is none. */
  async leader(): Promise<number | undefined> {
    return findLeader(await this.status())?.id;
  }

  /** Waits until there is a leader; one other than `not` where that is given. Throws ClusterError after `timeoutMs`. */
  async waitForLeader({ timeoutMs, not }: { readonly timeoutMs: number; readonly not?: number }): Promise<number> {
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      if (this.stopping !== undefined) throw new ClusterError('the cluster is stopping');
      const leader = await this.leader();
      if (leader !== undefined && leader !== not) return leader;
      if (performance.now() >= deadlineMs) {
        const wanted = not === undefined ? 'no leader' : `no leader other than server ${not}`;
        throw new ClusterError(`${wanted} within ${timeoutMs} ms${this.lastWords()}`);
      }
      await new Promise((done) => setTimeout(done, POLL_MS));
    }
  }

  /**
   * As `waitForLeader`, but a server that ends meanwhile ends the wait: nothing that has just been started should. One that
   * refuses its data does not, while another runs: the others may well serve without it, and give it back what it lost.
   */
  async waitUntilReady(timeoutMs: number): Promise<number> {
    const early = new Promise<{ readonly id: number; readonly exit: ProcessExit }>((resolve) => {
      for (const { id, membership = 'member' } of this.plan.servers) {
        // Of one that is being added or removed the others make no use.
        if (membership !== 'member') continue;
        const server = this.server(id);
        void server.ended.then((exit) => {
          if (exit.code !== ExitCode.RefusedData || this.pids().size === 0) resolve({ id, exit });
        });
      }
    });
    const leader = this.waitForLeader({ timeoutMs });
    leader.catch(() => {});
    const first = await Promise.race([leader, early]);
    if (typeof first === 'number') {
      this.ready = true;
      return first;
    }
    throw this.startFailure(first.id, first.exit);
  }

  private startFailure(id: number, exit: ProcessExit): ClusterError {
    const message = `server ${id} ended before there was a leader: ${describeExit(exit)}${this.lastWords([id])}`;
    if (this.server(id).notice?.kind === 'address-in-use') return new AddressInUseError(message);
    return new ClusterError(message, { cause: exit.spawnError });
  }

  private lastWords(ids: readonly number[] = this.presentIds): string {
    return ids
      .map((id) => {
        const lines = this.logs(id, ERROR_LOG_LINES);
        const shown = lines.length === 0 ? ['(nothing)'] : lines;
        return `\nserver ${id} printed last:\n${shown.map((line) => `    ${line}`).join('\n')}`;
      })
      .join('');
  }

  /** Sends a signal, SIGKILL unless told otherwise. What dies of it restarts as the policy says, unless `restart` is false. */
  kill(id: number, signal: NodeJS.Signals = 'SIGKILL', options?: { readonly restart?: boolean }): void {
    if (!this.server(id).signal(signal, options)) throw new ServerStateError(`server ${id} does not run`);
  }

  /** Stops it, where it runs, as SIGINT does, and starts it from its data at once. Resolves once the new process is started. */
  async restart(id: number): Promise<void> {
    await this.server(id).stop();
    this.startServer(id, 'data');
  }

  /**
   * Stops it, where it runs, and starts it once with `-rejoin`: it moves its data aside and gets everything from the others.
   * Resolves once it takes part. Throws ClusterError where it ends, and after `timeoutMs`, when it goes on trying. In a cluster
   * of two `survivor` is the other one, which is restarted first where it leads: it counts on what the lost one forgot.
   */
  async rejoin(
    id: number,
    { timeoutMs, survivor }: { readonly timeoutMs: number; readonly survivor?: number | undefined },
  ): Promise<void> {
    const server = this.server(id);
    this.expectPresent(id);
    if (survivor !== undefined) {
      await server.stop();
      await this.restart(survivor);
    }
    await server.stop();
    if (this.stopping !== undefined) throw new ServerStateError('the cluster is stopping');
    server.start('others', survivor === undefined ? [] : [`-survivor=${survivor}`]);
    let exit: ProcessExit | undefined;
    void server.ended.then((ended) => {
      exit = ended;
    });
    const deadlineMs = performance.now() + timeoutMs;
    // A server that does not take part yet knows of no term.
    while (((await this.report(this.plan.servers[id - 1]!)).term ?? 0) === 0) {
      if (exit !== undefined) {
        throw new ClusterError(`server ${id} ended before it took part: ${describeExit(exit)}${this.lastWords([id])}`);
      }
      if (performance.now() >= deadlineMs) {
        const { notice } = server;
        const why =
          notice?.kind === 'waits'
            ? `it does not take part yet: ${printable(notice.why)}`
            : 'it does not say what it waits for';
        throw new ClusterError(`server ${id} goes on trying, but after ${timeoutMs} ms ${why}`);
      }
      await new Promise((done) => setTimeout(done, POLL_MS));
    }
  }

  /** Stops it as SIGINT does, and leaves it stopped, whatever was to start it again, until somebody asks for its start. */
  async stopServer(id: number): Promise<void> {
    await this.server(id).hold();
  }

  /** SIGSTOP: it keeps its connections and answers nothing. */
  pause(id: number): void {
    if (!this.server(id).pause()) throw new ServerStateError(`server ${id} does not run, or is paused already`);
  }

  resume(id: number): void {
    if (!this.server(id).resume()) throw new ServerStateError(`server ${id} is not paused`);
  }

  /** Ends every server: SIGINT to all, then SIGTERM, then SIGKILL to those that are left. May be called more than once. */
  stop(): Promise<void> {
    this.stopping ??= this.stopAll((server) => server.stop());
    return this.stopping;
  }

  /** SIGKILL to all that still run, whether or not `stop` is under way. */
  async stopNow(): Promise<void> {
    const ended = this.stopAll((server) => server.stopNow());
    this.stopping ??= ended;
    await ended;
  }

  private async stopAll(end: (server: ManagedServer) => Promise<void>): Promise<void> {
    const emit = (event: ClusterEvent): void => this.options.onEvent(event);
    emit({ type: 'stopping' });
    this.faults.close();
    await Promise.all([...this.servers.values()].map(end));
    for (const client of this.clients.values()) client.close();
    this.certified?.close();
    await this.options.cleanUp();
    emit({ type: 'stopped' });
  }
}

/** Where it listens: nobody who runs it is far away. */
function addressHere({ listen, address }: ServerPlan): string {
  return listen ?? address;
}

/** A file that is not the server's data does no harm: a server that is told to recover nothing starts empty. */
function hasData({ directory }: ServerPlan): boolean {
  return existsSync(directory) && readdirSync(directory).length > 0;
}
