import { setTimeout as timer } from 'node:timers/promises';
import { RkvError } from '../client/errors.ts';
import type { RkvClient } from '../client/rkvClient.ts';
import type { RunningCluster } from '../supervisor/launcher.ts';
import { ServerStateError } from '../supervisor/serverStateError.ts';
import type { Ends } from './ends.ts';
import type { FaultyLink } from './faultyLink.ts';
import type { Mesh } from './mesh.ts';
import { type ChaosPlan, describeStrike, type Strike, type Target } from './plan.ts';

/** How long an operator waits for a change of the members or of the leader. */
const OPERATOR_MS = 4000;

type Undo = () => Promise<void> | void;

/** Carries out a plan's strikes on a cluster of real processes, each in its time, and undoes them. */
export class Strikes {
  /** What really happened, by kind. */
  readonly done = new Map<Strike['kind'], number>();
  private readonly plan: ChaosPlan;
  private readonly cluster: RunningCluster;
  private readonly mesh: Mesh;
  private readonly operator: RkvClient;
  private readonly ends: Ends;
  private readonly tell: (line: string) => void;
  private readonly healing = new AbortController();

  constructor(
    plan: ChaosPlan,
    cluster: RunningCluster,
    mesh: Mesh,
    operator: RkvClient,
    ends: Ends,
    tell: (line: string) => void,
  ) {
    this.plan = plan;
    this.cluster = cluster;
    this.mesh = mesh;
    this.operator = operator;
    this.ends = ends;
    this.tell = tell;
  }

  /** Resolves once the plan's time is over and everything is undone. */
  async run(): Promise<void> {
    const beganMs = performance.now();
    const running = this.plan.strikes.map(async (strike) => {
      await timer(strike.atMs);
      await this.carryOut(strike, Math.round(performance.now() - beganMs));
    });
    await timer(this.plan.faultsMs);
    this.healing.abort();
    await Promise.all(running);
  }

  private async carryOut(strike: Strike, atMs: number): Promise<void> {
    const undo = await this.begin(strike);
    const missed = undo === undefined ? ' (refused, or there was nothing to hit)' : '';
    this.tell(`${(atMs / 1000).toFixed(2).padStart(6)} s  ${describeStrike(strike)}${missed}`);
    if (undo === undefined) return;
    this.done.set(strike.kind, (this.done.get(strike.kind) ?? 0) + 1);
    await timer(strike.lastsMs, undefined, { signal: this.healing.signal }).catch(() => {});
    await undo();
  }

  /** Returns how to undo it; undefined where there was nothing to do it to. */
  private async begin(strike: Strike): Promise<Undo | undefined> {
    const { cluster } = this;
    if (strike.kind === 'transfer') return await this.asked(this.operator.transferLeadership(0, FOR_OPERATOR));
    if (strike.kind === 'kill all') return this.killAll();
    const id = await this.serverOf(strike.target);
    switch (strike.kind) {
      case 'kill':
        return this.kill(id) ? () => this.startAgain(id) : undefined;
      case 'stop':
        if (!cluster.pids().has(id)) return undefined;
        this.ends.expect(id, 'kill');
        await cluster.stopServer(id);
        return () => this.startAgain(id);
      case 'pause':
        return attempt(() => cluster.pause(id)) ? () => void attempt(() => cluster.resume(id)) : undefined;
      case 'remove':
        return await this.remove(id);
      case 'client reset':
        this.mesh.ofClient(strike.client, id).resetAfter(strike.way, strike.bytes);
        return () => {};
      default:
        return all(this.breakLinks(strike, id));
    }
  }

  private async serverOf({ leader, server }: Target): Promise<number> {
    return (leader ? await this.cluster.leader() : undefined) ?? server;
  }

  // --- processes ---

  private kill(id: number): boolean {
    this.ends.expect(id, 'kill');
    return attempt(() => this.cluster.kill(id, 'SIGKILL', { restart: false }));
  }

  private killAll(): Undo | undefined {
    const killed = this.ids.filter((id) => this.kill(id));
    if (killed.length === 0) return undefined;
    return async () => {
      for (const id of killed) await this.startAgain(id);
    };
  }

  private async startAgain(id: number): Promise<void> {
    await this.cluster.restart(id);
    this.ends.expectNone(id);
  }

  // --- what an operator asks for ---

  private async remove(id: number): Promise<Undo | undefined> {
    const ask = (change: 'add' | 'remove') =>
      this.asked(this.operator.reconfigure({ change, serverId: id, waitForLeadership: false }, FOR_OPERATOR));
    // A server that is no member yet is added; nobody minds one that is.
    const isMember = (await this.members()).has(id);
    if ((await ask(isMember ? 'remove' : 'add')) === undefined) return undefined;
    return async () => {
      if (isMember) await ask('add');
    };
  }

  private async members(): Promise<ReadonlySet<number>> {
    const reports = await this.cluster.status();
    const leader = reports.find(({ role }) => role === 'leader');
    return new Set(leader?.voters ?? this.plan.members);
  }

  /** Refusals, and no answer in time, belong to a cluster under faults. */
  private async asked(request: Promise<void>): Promise<Undo | undefined> {
    try {
      await request;
      return () => {};
    } catch (error) {
      if (!(error instanceof RkvError)) throw error;
      return undefined;
    }
  }

  // --- links ---

  private breakLinks(
    strike: Exclude<Strike, { kind: 'transfer' | 'kill all' | 'kill' | 'stop' | 'pause' | 'remove' | 'client reset' }>,
    id: number,
  ): (() => void)[] {
    const others = this.ids.filter((other) => other !== id);
    const { mesh } = this;
    switch (strike.kind) {
      case 'mute':
        // What it dials carries its messages; on what the others dial it answers.
        return others.flatMap((other) => [mesh.between(id, other).hold('there'), mesh.between(other, id).hold('back')]);
      case 'deaf':
        return others.flatMap((other) => [mesh.between(other, id).hold('there'), mesh.between(id, other).hold('back')]);
      case 'slow':
        return others.flatMap((other) => [
          mesh.between(id, other).delay(strike.delayMs),
          mesh.between(other, id).delay(strike.delayMs),
        ]);
      case 'partition':
        return this.partition(new Set([id, ...strike.side]), new Set(strike.clients));
      case 'client cut':
        return [mesh.ofClient(strike.client, id).cut()];
      case 'client mute':
        return [mesh.ofClient(strike.client, id).hold('there')];
      case 'client deaf':
        return [mesh.ofClient(strike.client, id).hold('back')];
      case 'client slow':
        return [mesh.ofClient(strike.client, id).delay(strike.delayMs)];
    }
  }

  private partition(side: ReadonlySet<number>, clients: ReadonlySet<number>): (() => void)[] {
    const crossing: FaultyLink[] = [];
    for (const to of this.ids) {
      for (const from of this.ids) if (side.has(from) !== side.has(to)) crossing.push(this.mesh.between(from, to));
      for (let client = 0; client < this.plan.clients; client++) {
        if (clients.has(client) !== side.has(to)) crossing.push(this.mesh.ofClient(client, to));
      }
    }
    return crossing.flatMap((link) => [link.hold('there'), link.hold('back')]);
  }

  private get ids(): number[] {
    return this.cluster.plan.servers.map(({ id }) => id);
  }
}

const FOR_OPERATOR = { timeoutMs: OPERATOR_MS };

function all(undos: readonly (() => void)[]): () => void {
  return () => {
    for (const undo of undos) undo();
  };
}

/** Whether the server was in a state for it. */
function attempt(act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    if (!(error instanceof ServerStateError)) throw error;
    return false;
  }
}
