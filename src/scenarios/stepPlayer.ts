import { describeFault, serversText } from '../faults/requests/describe.ts';
import { type RequestedFault, startsByItself } from '../faults/requests/faultRequest.ts';
import { parseTargets, resolveTargets, type Standing } from '../faults/requests/targets.ts';
import type { Happening } from './happenings.ts';
import { findLeader, type ServerSample } from './samples.ts';
import { type Action, disturbs, type Load, type Step } from './scenario.ts';

/** Tells that it is done, or why it is not. */
export type Done = (problem?: string) => void;

export interface FaultListener {
  began(): void;
  failed(why: string): void;
  /** It was undone. Never told of a crash after which the server starts again by itself. */
  over(): void;
}

/** A cluster whose servers can be put through the steps of a scenario: a real one, or a virtual one. */
export interface StepStage {
  readonly ids: readonly number[];
  /** Monotonic, ms. */
  nowMs(): number;
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

/** What whoever plays steps hears of them. */
export interface StepHooks {
  /** In the stage's clock. */
  readonly note: (happening: Happening) => void;
  readonly changeLoad: (change: Partial<Pick<Load, 'clients' | 'rate'>>) => void;
  /** Nobody can be asked any more. */
  readonly lost: (why: string) => void;
  /** Nothing more is to be done. */
  readonly isOver: () => boolean;
}

/** Does the steps of a scenario, each when it is told to, and notes what comes of them. */
export class StepPlayer {
  private readonly stage: StepStage;
  private readonly hooks: StepHooks;
  private readonly named = new Map<string, readonly number[]>();

  constructor(stage: StepStage, hooks: StepHooks) {
    this.stage = stage;
    this.hooks = hooks;
  }

  /** Does what the step says, to those whom it means by now. */
  fire(number: number, step: Step): void {
    this.stage.look((servers) => {
      if (this.hooks.isOver()) return;
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
      const firing = new Firing(number, disturbs(step), ids, this.hooks.note, this.stage);
      this.act(firing, action, peers.ids);
    }, this.hooks.lost);
  }

  private resolve(text: string | undefined, standing: Standing): Resolved {
    if (text === undefined) return {};
    const targets = parseTargets(text, [...this.named.keys()]);
    const found = targets === undefined ? `no server is called ${text} yet` : resolveTargets(targets, standing);
    if (typeof found === 'string') return { problem: found };
    return found.length === 0 ? { problem: 'it comes to no server' } : { ids: found };
  }

  private failed(step: number, what: string, why: string): void {
    this.hooks.note({ kind: 'step-failed', atMs: this.stage.nowMs(), step, what, why });
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
        this.hooks.changeLoad(action.change);
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
  private readonly stage: StepStage;

  constructor(
    step: number,
    disturbs: boolean,
    servers: readonly number[],
    note: (happening: Happening) => void,
    stage: StepStage,
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

  began(what: string, forMs?: number): void {
    const { servers, disturbs } = this;
    const step = { kind: 'step', ...this.at, what, servers, disturbs } as const;
    this.note(forMs === undefined ? step : { ...step, forMs });
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
        this.began(what, forMs);
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
