import { describeFault, serversText } from '../faults/requests/describe.ts';
import type { RequestedFault } from '../faults/requests/faultRequest.ts';
import { parseTargets, resolveTargets, type Standing } from '../faults/requests/targets.ts';
import type { Happening } from './happenings.ts';
import { findLeader, type ServerSample } from './samples.ts';
import { type Action, disturbs, type Scenario, type Step } from './scenario.ts';
import { type OpenClient, type PlayClock, Writers } from './writers.ts';

/** Tells that it is done, or why it is not. */
export type Done = (problem?: string) => void;

export interface FaultListener {
  began(): void;
  failed(why: string): void;
  /** It was undone. Never told of a crash after which the server starts again by itself. */
  over(): void;
}

/** A cluster that can be put through a scenario, and its clients: a real one, or a virtual one. */
export interface Stage extends PlayClock {
  readonly ids: readonly number[];
  readonly openClient: OpenClient;
  /** Asks every server how it is. Where nobody can be asked any more, `lost` says why. */
  look(seen: (servers: readonly ServerSample[]) => void, lost: (why: string) => void): void;
  /** Its targets are ids. Without a time until `heal`. */
  beginFault(fault: RequestedFault, forMs: number | undefined, listener: FaultListener): void;
  /** All faults. */
  heal(done: Done): void;
  stop(id: number, done: Done): void;
  /** From its data; resolves once its process is started. */
  start(id: number, done: Done): void;
  /** `to` 0: to whoever the leader chooses. */
  transfer(to: number, done: Done): void;
  reconfigure(change: 'add' | 'remove', id: number, done: Done): void;
}

/** How often servers are asked how they are, ms. */
export const SAMPLE_MS = 10;
/** Writes of each client before the play begins: it has found the leader then. */
const WARM_UP_WRITES = 20;
const READY_MS_MAX = 60_000;

/** Plays a scenario on a stage: makes its load, fires its steps in their time, and notes what happens. */
export class Conductor {
  readonly happenings: Happening[] = [];
  readonly writers: Writers;
  /** Why the play did not come about, or was broken off. */
  problem: string | undefined;
  isOver = false;
  private readonly scenario: Scenario;
  private readonly stage: Stage;
  private readonly told: (happening: Happening) => void;
  private readonly named = new Map<string, readonly number[]>();
  private readonly pending = new Set<() => void>();
  private readonly ended: () => void;
  /** How late each look came, ms: as late as anything that this process is to do. */
  readonly latesMs: number[] = [];
  private startedMs = 0;
  /** When the play began, by the stage's clock; undefined while it has not. */
  private beganMs: number | undefined;

  /** `told` hears of each happening at once, `ended` once that the play is over. */
  constructor(scenario: Scenario, stage: Stage, told: (happening: Happening) => void, ended: () => void) {
    this.scenario = scenario;
    this.stage = stage;
    this.told = told;
    this.ended = ended;
    this.writers = new Writers(
      scenario.load,
      stage,
      (number, opened) => stage.openClient(number, opened),
      (happening) => this.note(happening),
    );
  }

  start(): void {
    this.startedMs = this.stage.nowMs();
    this.sample();
  }

  /** Ends it before its time. */
  breakOff(why: string): void {
    if (this.isOver) return;
    this.problem = why;
    this.end();
  }

  private readonly lost = (why: string): void => this.breakOff(why);

  private end(): void {
    this.isOver = true;
    for (const callOff of this.pending) callOff();
    this.ended();
  }

  private after(delayMs: number, run: () => void): void {
    const callOff = this.stage.after(delayMs, () => {
      this.pending.delete(callOff);
      run();
    });
    this.pending.add(callOff);
  }

  /** By the play's clock; what was before it began is not noted. */
  private note(happening: Happening): void {
    if (this.beganMs === undefined || this.isOver) return;
    const { beganMs } = this;
    const noted: Happening =
      happening.kind === 'acknowledged' || happening.kind === 'given-up'
        ? { ...happening, atMs: happening.atMs - beganMs, sentMs: happening.sentMs - beganMs }
        : happening.kind === 'sample'
          ? { ...happening, atMs: happening.atMs - beganMs, askedMs: happening.askedMs - beganMs }
          : { ...happening, atMs: happening.atMs - beganMs };
    this.happenings.push(noted);
    this.told(noted);
  }

  private sample(): void {
    const askedMs = this.stage.nowMs();
    this.stage.look((servers) => {
      if (this.isOver) return;
      const nowMs = this.stage.nowMs();
      if (this.beganMs === undefined) this.beginWhenServed(servers, nowMs);
      this.note({ kind: 'sample', atMs: nowMs, askedMs, servers });
      if (this.isOver) return;
      const waitMs = Math.max(0, askedMs + SAMPLE_MS - nowMs);
      this.after(waitMs, () => {
        // Timers go by whole milliseconds.
        this.latesMs.push(Math.max(0, this.stage.nowMs() - nowMs - Math.ceil(waitMs)));
        this.sample();
      });
    }, this.lost);
  }

  private beginWhenServed(servers: readonly ServerSample[], nowMs: number): void {
    const { members } = this.scenario.cluster;
    const answer = (id: number) => servers.find((server) => server.id === id)?.term !== undefined;
    if (findLeader(servers) !== undefined && members.every(answer) && this.writers.servedLeast >= WARM_UP_WRITES) {
      this.begin(nowMs);
    } else if (nowMs - this.startedMs > READY_MS_MAX) {
      this.breakOff(`the cluster did not serve all clients within ${READY_MS_MAX / 1000} s`);
    }
  }

  private begin(nowMs: number): void {
    this.beganMs = nowMs;
    for (const [number, step] of this.scenario.steps.entries()) this.after(step.atMs, () => this.fire(number, step));
    this.after(this.scenario.lastsMs, () => this.end());
  }

  // --- steps ---

  private fire(number: number, step: Step): void {
    this.stage.look((servers) => {
      if (this.isOver) return;
      const standing: Standing = {
        ids: this.stage.ids,
        leader: findLeader(servers)?.id,
        running: servers.filter(({ term }) => term !== undefined).map(({ id }) => id),
        named: this.named,
      };
      const { action } = step;
      const targets = this.resolve(targetsOf(action), standing);
      const peers = this.resolve(peersOf(action), standing);
      const problem = targets.problem ?? peers.problem;
      if (problem !== undefined) {
        this.failed(number, action.kind === 'fault' ? action.fault.kind : action.kind, problem);
        return;
      }
      const ids = targets.ids ?? [];
      if (step.as !== undefined) this.named.set(step.as, ids);
      const firing = new Firing(number, disturbs(step), ids, (happening) => this.note(happening), this.stage);
      this.act(firing, action, peers.ids);
    }, this.lost);
  }

  private resolve(text: string | undefined, standing: Standing): Resolved {
    if (text === undefined) return {};
    const targets = parseTargets(text, [...this.named.keys()]);
    const found = targets === undefined ? `no server is called ${text} yet` : resolveTargets(targets, standing);
    if (typeof found === 'string') return { problem: found };
    return found.length === 0 ? { problem: 'it comes to no server' } : { ids: found };
  }

  private failed(step: number, what: string, why: string): void {
    this.note({ kind: 'step-failed', atMs: this.stage.nowMs(), step, what, why });
  }

  private act(firing: Firing, action: Action, peers: readonly number[] | undefined): void {
    const { stage } = this;
    switch (action.kind) {
      case 'fault':
        firing.fault(action.fault, action.forMs, peers);
        return;
      case 'choose':
        firing.began(`chosen: ${serversText(firing.servers)}`);
        return;
      case 'load':
        this.writers.change(action.change);
        firing.began(describeLoad(action.change));
        return;
      case 'heal':
        firing.heal();
        return;
      case 'stop':
        firing.each('stopped', (id, done) => stage.stop(id, done));
        return;
      case 'start':
        firing.each('started', (id, done) => stage.start(id, done));
        firing.back();
        return;
      case 'restart':
        firing.restart();
        return;
      case 'transfer': {
        const to = firing.servers[0] ?? 0;
        firing.ask(to === 0 ? 'leadership handed over' : `leadership handed to server ${to}`, (done) =>
          stage.transfer(to, done),
        );
        return;
      }
      case 'add':
      case 'remove': {
        const { kind } = action;
        for (const id of firing.servers) {
          const what = `server ${id} ${kind === 'add' ? 'added' : 'removed'}`;
          firing.ask(what, (done) => stage.reconfigure(kind, id, done));
        }
        // It comes from nothing, and has all to catch up.
        if (kind === 'add') firing.back();
      }
    }
  }
}

/** What servers a text comes to, or why to none; neither where there was no text. */
interface Resolved {
  readonly ids?: readonly number[];
  readonly problem?: string;
}

/** A step that fires, with the servers that it has come to. */
class Firing {
  readonly servers: readonly number[];
  private readonly step: number;
  private readonly disturbs: boolean;
  private readonly note: (happening: Happening) => void;
  private readonly stage: Stage;

  constructor(
    step: number,
    disturbs: boolean,
    servers: readonly number[],
    note: (happening: Happening) => void,
    stage: Stage,
  ) {
    this.step = step;
    this.disturbs = disturbs;
    this.servers = servers;
    this.note = note;
    this.stage = stage;
  }

  private get at(): { readonly atMs: number; readonly step: number } {
    return { atMs: this.stage.nowMs(), step: this.step };
  }

  began(what: string): void {
    this.note({ kind: 'step', ...this.at, what, servers: this.servers, disturbs: this.disturbs });
  }

  private over(what: string): void {
    this.note({ kind: 'step-over', ...this.at, what });
  }

  private failed(what: string, why: string): void {
    this.note({ kind: 'step-failed', ...this.at, what, why });
  }

  back(servers = this.servers): void {
    this.note({ kind: 'back', atMs: this.stage.nowMs(), servers });
  }

  fault(asked: RequestedFault, forMs: number | undefined, peers: readonly number[] | undefined): void {
    const fault = withIds(asked, this.servers, peers);
    const what = describeFault(fault, this.servers, peers);
    this.stage.beginFault(fault, forMs, {
      began: () => {
        this.began(what);
        if (fault.kind === 'kill' && startsByItself(fault) && forMs === undefined) this.back();
      },
      failed: (why) => this.failed(what, why),
      over: () => {
        this.back();
        this.over(what);
      },
    });
  }

  /** Each fault tells by itself that it is over. */
  heal(): void {
    this.began('all faults are healed');
    this.stage.heal((problem) => {
      if (problem !== undefined) this.failed('heal', problem);
    });
  }

  each(what: string, run: (id: number, done: Done) => void): void {
    this.began(`${serversText(this.servers)} ${what}`);
    for (const id of this.servers) {
      run(id, (problem) => {
        if (problem !== undefined) this.failed(`server ${id} ${what}`, problem);
      });
    }
  }

  /** At once, where there are several; one after the other is what scenarios say by steps of their own. */
  restart(): void {
    const { stage } = this;
    this.each('restarted', (id, done) => {
      stage.stop(id, (problem) => {
        if (problem !== undefined) {
          done(problem);
          return;
        }
        this.back([id]);
        stage.start(id, done);
      });
    });
  }

  ask(what: string, run: (done: Done) => void): void {
    this.began(`asked for: ${what}`);
    this.note({ kind: 'asked', ...this.at });
    run((problem) => {
      if (problem === undefined) this.over(what);
      else this.failed(what, problem);
    });
  }
}

function targetsOf(action: Action): string | undefined {
  switch (action.kind) {
    case 'fault':
      return action.fault.kind === 'groups' ? action.fault.groups.flat().join(',') : action.fault.targets;
    case 'load':
    case 'heal':
      return undefined;
    default:
      return action.targets;
  }
}

function peersOf(action: Action): string | undefined {
  return action.kind === 'fault' && action.fault.kind === 'link' ? action.fault.peers : undefined;
}

/** As after any crash. Who is asked to end in order stays down. */
function startsByItself({ restart, signal }: Extract<RequestedFault, { kind: 'kill' }>): boolean {
  return restart && signal === 'SIGKILL';
}

/** The same fault of these servers, whoever leads by then. */
function withIds(
  fault: RequestedFault,
  servers: readonly number[],
  peers: readonly number[] | undefined,
): RequestedFault {
  if (fault.kind === 'groups') return fault;
  const targets = servers.join(',');
  if (fault.kind !== 'link' || peers === undefined) return { ...fault, targets };
  return { ...fault, targets, peers: peers.join(',') };
}

function describeLoad({ clients, rate }: { readonly clients?: number; readonly rate?: number }): string {
  const parts = [
    ...(clients === undefined ? [] : [`${clients} clients`]),
    ...(rate === undefined ? [] : [`${rate} writes a second each`]),
  ];
  return `load: ${parts.join(', ')}`;
}
