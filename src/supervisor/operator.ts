import { RefusedError, RkvError } from '../client/errors.ts';
import { RkvClient } from '../client/rkvClient.ts';
import { noServer } from '../faults/requests/targets.ts';
import { formatAddress, parseAddress } from '../net/endpoints/addresses.ts';
import { findLeader } from '../scenarios/samples.ts';
import { type Cluster, ClusterError } from './cluster.ts';
import { addressesOf, nextServer, OPEN_PORT } from './clusterPlan.ts';
import { type ClusterState, type Membership, readClusterState, writeClusterState } from './clusterState.ts';
import type { ClusterEventListener } from './events.ts';
import { choosePorts } from './process/choosePorts.ts';
import { ServerStateError } from './serverStateError.ts';

/** How long leadership may take to be handed over, beside two election timeouts, and in all: whoever asks for a stop waits for that too, ms. */
const HAND_OVER_MS = 2000;
const HAND_OVER_MS_MAX = 10_000;
/** How long a server that was started again may take until it takes part and has what the leader had, ms. */
const BACK_MS_MAX = 60_000;
/** How long a change of the membership may take, ms: all entries may have to be sent. */
const CHANGE_MS_MAX = 10 * 60_000;
const POLL_MS = 50;
/** Of the log of a server that ended. */
const SHOWN_LINES = 10;

/**
 * What an operator does with the servers of a running cluster: stops them without costing clients their leader, adds and removes them.
 * One such thing is done at a time.
 */
export class Operator {
  private readonly cluster: Cluster;
  private readonly onEvent: ClusterEventListener;
  private underWay: string | undefined;

  constructor(cluster: Cluster, onEvent: ClusterEventListener) {
    this.cluster = cluster;
    this.onEvent = onEvent;
  }

  /** Stops a server until `startServer`; leadership is handed over first where it leads. */
  async stop(id: number): Promise<void> {
    this.expectServer(id);
    await this.alone(`server ${id} is being stopped`, async () => {
      this.onEvent({ type: 'held', id });
      await this.handOver(id);
      await this.cluster.stopServer(id);
    });
  }

  /** Stops it, where it runs, and starts it again; leadership is handed over first where it leads. */
  async restart(id: number): Promise<void> {
    this.expectServer(id);
    await this.alone(`server ${id} is being restarted`, async () => {
      await this.handOver(id);
      await this.cluster.restart(id);
    });
  }

  start(id: number): void {
    this.expectServer(id);
    if (this.cluster.pids().has(id)) throw new ServerStateError(`server ${id} runs already`);
    this.cluster.startServer(id);
  }

  private get handOverMs(): number {
    return Math.min(HAND_OVER_MS_MAX, HAND_OVER_MS + 2 * this.cluster.plan.electionMs);
  }

  /** Resolves with the new leader's id. Throws RkvError where it is refused, or was not done. */
  async transfer(to: number | undefined): Promise<number> {
    if (to !== undefined) this.expectServer(to);
    const from = await this.cluster.leader();
    await this.asClient((client) => client.transferLeadership(to ?? 0));
    const now = await this.cluster.waitForLeader({ timeoutMs: this.handOverMs });
    if (from !== undefined && from !== now) this.onEvent({ type: 'transferred', from, to: now });
    return now;
  }

  /**
   * Where server `id` leads, or whoever does without it, another one is asked to. A leader that cannot hand over is stopped all the same:
   * nothing is lost by it, clients only wait longer.
   */
  async handOver(id?: number): Promise<void> {
    const from = findLeader(await this.cluster.status());
    if (from === undefined || (id ?? from.id) !== from.id || (from.voters?.length ?? 0) < 2) return;
    const timeoutMs = this.handOverMs;
    try {
      await this.asClient((client) => client.transferLeadership(0, { timeoutMs }));
      const to = await this.cluster.waitForLeader({ timeoutMs, not: from.id });
      this.onEvent({ type: 'transferred', from: from.id, to });
    } catch (error) {
      if (!(error instanceof RkvError || error instanceof ClusterError)) throw error;
    }
  }

  /**
   * Makes server `id` a member: runs it, at `address` where it is one that nobody knows yet (a port is chosen without), and has the
   * leader bring it in. Resolves once that is committed. Whatever fails in between, the same again goes on from there. Throws
   * ServerStateError, ClusterError or RkvError.
   */
  async add(id: number, given?: string): Promise<void> {
    const address = given === undefined ? undefined : formatAddress(parseAddress(given)!);
    await this.alone(`server ${id} is being added`, async () => {
      const { cluster } = this;
      const before = cluster.plan.servers[id - 1];
      if (before === undefined) await this.extend(id, address);
      else if (await this.isMember(id)) return;
      else if (address !== undefined && address !== before.address) await this.relocate(id, address);
      await cluster.certify();
      this.note(id, 'joining');
      await this.introduce(id);
      // What another cluster, or another server of that id, left in its folder is moved aside.
      if (!cluster.pids().has(id)) cluster.startServer(id, before === undefined ? 'nothing' : undefined);
      await this.untilAnswers(id);
      await this.reconfigure('add', id);
      this.note(id, 'member');
    });
  }

  private async extend(id: number, given: string | undefined): Promise<void> {
    const { plan } = this.cluster;
    const next = plan.servers.length + 1;
    if (id !== next) {
      const ids = plan.servers.map((server) => server.id);
      throw new ServerStateError(`${noServer(id, ids)}, or ${next} for one more`);
    }
    if (given !== undefined && addressesOf(plan).includes(given))
      throw new ServerStateError(`${given} is another server's address`);
    const address = given ?? `127.0.0.1:${await this.chosenPort()}`;
    const server = nextServer(plan, address);
    const isOpen = server.metricsPort === OPEN_PORT;
    this.cluster.extend(isOpen ? { ...server, metricsPort: await this.chosenPort(address) } : server);
  }

  /** Nobody needs it where it was. */
  private async relocate(id: number, address: string): Promise<void> {
    const { cluster } = this;
    if (addressesOf(cluster.plan).includes(address))
      throw new ServerStateError(`${address} is another server's address`);
    await cluster.stopServer(id);
    cluster.relocate(id, address);
  }

  /** A member that runs, and of which nothing else is noted. */
  private async isMember(id: number): Promise<boolean> {
    const { membership = 'member' } = this.cluster.plan.servers[id - 1]!;
    const leader = findLeader(await this.cluster.status());
    const isVoter = leader?.voters?.includes(id) ?? false;
    return membership === 'member' && isVoter && this.cluster.pids().has(id);
  }

  /** Nobody's of the cluster, and not that of an address which is to be. */
  private async chosenPort(...more: string[]): Promise<number> {
    const { plan } = this.cluster;
    const addresses = [...addressesOf(plan), ...more].map((address) => parseAddress(address)!.port);
    const taken = new Set([...addresses, ...plan.servers.map(({ metricsPort }) => metricsPort ?? OPEN_PORT)]);
    const [port] = await choosePorts(1, { taken });
    return port!;
  }

  /**
   * Makes server `id` a member no more, and stops it. Resolves once that is committed and it has ended. Whatever fails in between, the
   * same again goes on from there. Throws as `add`.
   */
  async remove(id: number): Promise<void> {
    this.expectServer(id);
    await this.alone(`server ${id} is being removed`, async () => {
      const before = this.cluster.plan.servers[id - 1]!.membership;
      if (before !== 'removed') {
        this.note(id, 'leaving');
        try {
          await this.reconfigure('remove', id);
        } catch (error) {
          // It was refused: nothing has changed.
          if (error instanceof RefusedError && before !== 'leaving') this.note(id, before ?? 'member');
          throw error;
        }
        this.note(id, 'removed');
      }
      await this.cluster.stopServer(id);
    });
  }

  /** Has every other server that runs know the address of server `id`: those that lead last, one after the other. */
  private async introduce(id: number): Promise<void> {
    const { cluster } = this;
    const ignorant = () => [...cluster.pids().keys()].filter((each) => each !== id && !cluster.knowsAddresses(each));
    const leader = await cluster.leader();
    const followersFirst = (a: number, b: number) => Number(a === leader) - Number(b === leader) || a - b;
    for (const each of ignorant().sort(followersFirst)) {
      await this.handOver(each);
      await cluster.restart(each);
      await this.untilBack(each);
    }
  }

  private async untilBack(id: number): Promise<void> {
    await this.until(`server ${id} to take part again`, BACK_MS_MAX, async () => {
      const reports = await this.cluster.status();
      const leader = findLeader(reports);
      const { appliedIndex = 0, term } = reports[id - 1]!;
      return (
        leader !== undefined && (leader.id === id || (term === leader.term && appliedIndex >= leader.commitIndex!))
      );
    });
  }

  private async untilAnswers(id: number): Promise<void> {
    await this.until(`server ${id} to answer`, BACK_MS_MAX, async () => {
      const { role, state, lastExit } = (await this.cluster.status())[id - 1]!;
      if (state === 'stopped' || state === 'restarting') {
        const lines = this.cluster.logs(id, SHOWN_LINES).map((line) => `\n    ${line}`);
        throw new ClusterError(`server ${id} ended: ${lastExit ?? 'its log says why'}${lines.join('')}`);
      }
      return role !== undefined;
    });
  }

  private async until(what: string, timeoutMs: number, isSo: () => Promise<boolean>): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    while (!(await isSo())) {
      if (performance.now() > deadlineMs) throw new ClusterError(`waited ${timeoutMs} ms for ${what}`);
      await new Promise((done) => setTimeout(done, POLL_MS));
    }
  }

  private async reconfigure(change: 'add' | 'remove', serverId: number): Promise<void> {
    const request = { change, serverId, waitForLeadership: false };
    await this.asClient((client) => client.reconfigure(request, { timeoutMs: CHANGE_MS_MAX }));
  }

  /** In the cluster's folder first: what is done then is never more than what is noted there. */
  private note(id: number, membership: Membership): void {
    const { plan } = this.cluster;
    const state = readClusterState(plan.directory);
    const servers: ClusterState['servers'] = plan.servers.map((server) => ({
      address: server.address,
      membership: server.id === id ? membership : (server.membership ?? 'member'),
    }));
    const { ports = {}, metricsPorts = {} } = state ?? {};
    const { metricsPort } = plan.servers[id - 1]!;
    const chosen = plan.choosesMetricsPorts && metricsPort !== undefined ? { [id]: metricsPort } : {};
    const kept = { ports, metricsPorts: { ...metricsPorts, ...chosen } };
    writeClusterState(plan.directory, { backend: plan.backend, ...kept, servers });
    this.cluster.setMembership(id, membership);
    this.onEvent({ type: 'membership', id, membership });
  }

  private expectServer(id: number): void {
    const ids = this.cluster.plan.servers.map((server) => server.id);
    if (!ids.includes(id)) throw new ServerStateError(noServer(id, ids));
  }

  private async asClient<T>(work: (client: RkvClient) => Promise<T>): Promise<T> {
    const present = this.cluster.presentIds.map((id) => this.cluster.addresses[id - 1]!);
    const client = new RkvClient({ addresses: present, security: this.cluster.security });
    try {
      return await work(client);
    } finally {
      client.close();
    }
  }

  /** Two at once might each take away what the other one counts on. */
  private async alone(what: string, work: () => Promise<void>): Promise<void> {
    if (this.underWay !== undefined) throw new ServerStateError(`${this.underWay}: try again when that is done`);
    this.underWay = what;
    try {
      await work();
    } finally {
      this.underWay = undefined;
    }
  }
}
