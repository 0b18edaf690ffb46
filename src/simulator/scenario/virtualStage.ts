import { ChangeType, RejectReason, Role } from '../../consensus/contract.ts';
import { type RequestedFault, startsByItself } from '../../faults/requests/faultRequest.ts';
import { piecesOf } from '../../faults/requests/pieces.ts';
import { parseTargets } from '../../faults/requests/targets.ts';
import { drawMs } from '../../faults/spread.ts';
import type { Conditions } from '../../scenarios/conditions.ts';
import type { Stage } from '../../scenarios/conductor.ts';
import type { ServerSample } from '../../scenarios/samples.ts';
import type { Done, FaultListener } from '../../scenarios/stepPlayer.ts';
import type { ClientPort } from '../../scenarios/writers.ts';
import type { RequestResult } from '../../server/host/outcomes.ts';
import { defaultRestartPolicy, planRestart } from '../../supervisor/restartPolicy.ts';
import type { Random } from '../random.ts';
import type { Surroundings } from '../surroundings.ts';
import type { VirtualServer } from '../virtualServer.ts';

/** How long an operator's request looks for a leader to ask, and how often, ms. */
const OPERATOR_MS_MAX = 10_000;
const OPERATOR_POLL_MS = 10;

/** A virtual cluster as a scenario finds it, with a supervisor that starts again what ends by itself. */
export class VirtualStage implements Stage {
  readonly ids: readonly number[];
  private readonly around: Surroundings;
  private readonly servers: readonly VirtualServer[];
  private readonly conditions: Conditions;
  private readonly random: Random;
  private readonly open: (number: number, opened: (client: ClientPort) => void) => void;
  /** How each fault that is in force ends. */
  private readonly active = new Set<() => void>();
  /** Of these, those that ended servers, with who has not started again. */
  private readonly kills = new Map<() => void, { readonly down: Set<number>; readonly over: () => void }>();
  /** Servers that are meant to be down. */
  private readonly down = new Set<number>();
  private readonly crashes = new Map<number, number>();
  private readonly startedUs = new Map<number, number>();
  private faults = 0;

  constructor(
    around: Surroundings,
    servers: readonly VirtualServer[],
    conditions: Conditions,
    open: (number: number, opened: (client: ClientPort) => void) => void,
  ) {
    this.around = around;
    this.servers = servers;
    this.conditions = conditions;
    this.open = open;
    this.random = around.random.fork('stage');
    this.ids = servers.map(({ id }) => id);
    for (const server of servers) {
      server.onDown = () => this.restartLater(server);
      server.takeFaults();
    }
  }

  nowMs(): number {
    return this.around.timeline.nowUs / 1000;
  }

  after(delayMs: number, run: () => void): () => void {
    const event = this.around.timeline.after(delayMs * 1000, run);
    return () => {
      event.run = undefined;
    };
  }

  openClient(number: number, opened: (client: ClientPort) => void): void {
    this.open(number, opened);
  }

  look(seen: (servers: readonly ServerSample[]) => void): void {
    seen(this.servers.map(sampleOf));
  }

  // --- faults ---

  beginFault(fault: RequestedFault, forMs: number | undefined, { began, over }: FaultListener): void {
    const undo = this.bringAbout(fault, forMs);
    began();
    if (fault.kind === 'kill' && startsByItself(fault) && forMs === undefined) return;
    const end = () => {
      if (!this.active.delete(end)) return;
      this.kills.delete(end);
      undo();
      over();
    };
    this.active.add(end);
    if (fault.kind === 'kill') this.kills.set(end, { down: new Set(idsOf(fault.targets)), over });
    if (forMs !== undefined) this.after(forMs, end);
  }

  heal(done: Done): void {
    for (const end of [...this.active]) end();
    done();
  }

  /** Returns how to undo it. */
  private bringAbout(fault: RequestedFault, forMs: number | undefined): () => void {
    switch (fault.kind) {
      case 'kill':
        return this.kill(fault, forMs);
      case 'pause': {
        const paused = this.targets(fault.targets);
        for (const server of paused) server.pause();
        return () => {
          for (const server of paused) server.resume();
        };
      }
      default: {
        const targets = fault.kind === 'groups' ? fault.groups.flat() : idsOf(fault.targets);
        const peers = fault.kind === 'link' && fault.peers !== undefined ? idsOf(fault.peers) : undefined;
        const told = [...piecesOf(fault, this.ids, targets, peers)].flatMap(([id, faults]) =>
          faults.map((piece) => ({ server: this.server(id), name: String(++this.faults), piece })),
        );
        for (const { server, name, piece } of told) server.setFault(name, piece);
        return () => {
          for (const { server, name } of told) server.healFault(name);
        };
      }
    }
  }

  private kill(fault: Extract<RequestedFault, { kind: 'kill' }>, forMs: number | undefined): () => void {
    const killed = this.targets(fault.targets);
    for (const server of killed) {
      if (fault.signal === 'SIGKILL') server.endProcess();
      else server.stop();
      // Who ends in order was asked to.
      if (forMs !== undefined || !fault.restart || fault.signal !== 'SIGKILL') this.down.add(server.id);
      else this.restartLater(server);
    }
    return () => {
      for (const server of killed) this.startSoon(server);
    };
  }

  private targets(text: string): VirtualServer[] {
    const ids = idsOf(text);
    return this.servers.filter(({ id }) => ids.includes(id));
  }

  // --- the supervisor's part ---

  /** The first start of all. */
  begin(): void {
    for (const server of this.servers) this.started(server);
  }

  private started(server: VirtualServer): void {
    this.endKills(server.id);
    this.startedUs.set(server.id, this.around.timeline.nowUs);
    server.start();
  }

  /** A kill is over once all that it ended have started, for whatever reason. */
  private endKills(id: number): void {
    for (const [end, { down, over }] of this.kills) {
      if (!down.delete(id) || down.size > 0) continue;
      this.kills.delete(end);
      this.active.delete(end);
      over();
    }
  }

  /** Its process needs its time until it answers anybody. */
  private startSoon(server: VirtualServer): void {
    this.down.delete(server.id);
    const startMs = drawMs(this.conditions.startMs, this.random.next());
    this.after(startMs, () => {
      if (!this.down.has(server.id)) this.started(server);
    });
  }

  private restartLater(server: VirtualServer): void {
    if (this.down.has(server.id)) return;
    const uptimeMs = (this.around.timeline.nowUs - (this.startedUs.get(server.id) ?? 0)) / 1000;
    const { crashes, delayMs } = planRestart(defaultRestartPolicy, this.crashes.get(server.id) ?? 0, uptimeMs);
    this.crashes.set(server.id, crashes);
    this.after(delayMs, () => this.startSoon(server));
  }

  /** All is well from now on, and everybody runs. */
  healAll(): void {
    this.heal(() => {});
    for (const server of this.servers) {
      server.resume();
      server.start();
    }
  }

  // --- operators ---

  stop(id: number, done: Done): void {
    this.down.add(id);
    this.server(id).stop();
    done();
  }

  start(id: number, done: Done): void {
    this.startSoon(this.server(id));
    done();
  }

  transfer(to: number, done: Done): void {
    this.onLeader((leader, answered) => leader.transferLeadership(to, answered), done);
  }

  reconfigure(change: 'add' | 'remove', id: number, done: Done): void {
    const type = change === 'add' ? ChangeType.AddVoter : ChangeType.Remove;
    this.onLeader((leader, answered) => leader.reconfigure({ type, id }, answered), done);
  }

  private onLeader(ask: (leader: VirtualServer, answered: (result: RequestResult) => void) => void, done: Done): void {
    const untilMs = this.nowMs() + OPERATOR_MS_MAX;
    const attempt = () => {
      const leader = this.leader();
      const again = (why: string) => {
        if (this.nowMs() >= untilMs) done(why);
        else this.after(OPERATOR_POLL_MS, attempt);
      };
      if (leader === undefined) {
        again('nobody leads');
        return;
      }
      ask(leader, (result) => {
        if (result.ok) done();
        else if (result.reason === RejectReason.NotLeader) again('nobody leads');
        else done(`refused: ${result.reason}`);
      });
    };
    attempt();
  }

  /** Who says that it leads, of the latest term. */
  private leader(): VirtualServer | undefined {
    let found: { readonly server: VirtualServer; readonly term: number } | undefined;
    for (const server of this.servers) {
      if (!server.isRunning || server.isPaused) continue;
      const { role, term } = server.status()!;
      if (role === Role.Leader && term > (found?.term ?? -1)) found = { server, term };
    }
    return found?.server;
  }

  private server(id: number): VirtualServer {
    return this.servers[id - 1]!;
  }
}

function sampleOf(server: VirtualServer): ServerSample {
  const { id } = server;
  const status = server.isPaused ? undefined : server.status();
  return {
    id,
    role: status?.role,
    term: status?.term,
    leader: status?.leader,
    commitIndex: status?.commitIndex,
    appliedIndex: status?.appliedIndex,
    voters: status?.configuration.voters,
  };
}

/** Of targets that the conductor has resolved. */
function idsOf(text: string): readonly number[] {
  const targets = parseTargets(text);
  return targets?.kind === 'ids' ? targets.ids : [];
}
