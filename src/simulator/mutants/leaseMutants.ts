import type { Engine, NodeId, Output, Refusal } from '../../consensus/contract.ts';
import { type LeaderLease, leaseMs } from '../../consensus/parts/leaderLease.ts';
import type { LeaderPromise } from '../../consensus/parts/leaderPromise.ts';
import { DelegatingEngine } from '../delegates.ts';

/** Where reads by a lease stand in an engine; as `Insides`, it is what the mutants count on finding there. */
export interface LeasePlaces {
  /** Where it leads. */
  lease(engine: Engine<unknown>): LeaderLease | undefined;
  promise(engine: Engine<unknown>): LeaderPromise;
  /** From now on it never knows that it heard a leader just now, by which votes are refused as well. */
  ignoreLeaders(engine: Engine<unknown>): void;
}

/** With a mistake in each lease that it has as a leader. */
class MistakenLease extends DelegatingEngine<unknown> {
  private nowMs = 0;
  private readonly places: LeasePlaces;
  private readonly spoil: (lease: LeaderLease, nowMs: () => number) => void;
  private spoilt: LeaderLease | undefined;

  constructor(inner: Engine<unknown>, places: LeasePlaces, spoil: MistakenLease['spoil']) {
    super(inner);
    this.places = places;
    this.spoil = spoil;
  }

  private look(): void {
    const lease = this.places.lease(this.inner);
    if (lease === undefined || lease === this.spoilt) return;
    this.spoilt = lease;
    this.spoil(lease, () => this.nowMs);
  }

  override tick(nowMs: number): void {
    this.nowMs = nowMs;
    this.look();
    this.inner.tick(nowMs);
  }

  override receive(from: NodeId, message: unknown): Refusal | undefined {
    this.look();
    return this.inner.receive(from, message);
  }

  override drain(): Output<unknown> {
    this.look();
    return this.inner.drain();
  }
}

/** Changes what is noted of a promise. */
function noting(change: (sentMs: number, promisedMs: number, nowMs: number) => readonly [number, number]) {
  return (lease: LeaderLease, nowMs: () => number) => {
    const promised = lease.promised.bind(lease);
    lease.promised = (by, sentMs, promisedMs) => promised(by, ...change(sentMs, promisedMs, nowMs()));
  };
}

/** Promises count from when they came. */
export const countsFromTheAnswer = (engine: Engine<unknown>, places: LeasePlaces) =>
  new MistakenLease(
    engine,
    places,
    noting((_sentMs, promisedMs, nowMs) => [nowMs, promisedMs]),
  );

/** Promises count twice as long as they were given for. */
export const leasesTooLong = (engine: Engine<unknown>, places: LeasePlaces) =>
  new MistakenLease(
    engine,
    places,
    noting((sentMs, promisedMs) => [sentMs, 2 * promisedMs]),
  );

/** Promises count as long as they were given for, by clocks of others. */
export const trustsClocks = (engine: Engine<unknown>, places: LeasePlaces) =>
  new MistakenLease(
    engine,
    places,
    noting((sentMs, promisedMs) => [sentMs, (promisedMs - leaseMs(0)) / (leaseMs(1) - leaseMs(0))]),
  );

/** The lease goes on when somebody is told to take over. */
export const leasesOn = (engine: Engine<unknown>, places: LeasePlaces) =>
  new MistakenLease(engine, places, (lease) => {
    lease.end = () => {};
  });

/** Promises to elect nobody, and votes. */
export function breaksPromises(engine: Engine<unknown>, places: LeasePlaces): Engine<unknown> {
  Object.defineProperty(places.promise(engine), 'binds', { get: () => false });
  places.ignoreLeaders(engine);
  return engine;
}

/** What it promised before it went down binds it no more. */
export function forgetsPromisesAtStart(engine: Engine<unknown>, places: LeasePlaces): Engine<unknown> {
  (places.promise(engine) as unknown as { fromStartMs: number }).fromStartMs = 0;
  return engine;
}

// --- gorums and hashicorp ---

interface InsideCore {
  readonly state: { readonly promise: LeaderPromise };
  readonly leader: { readonly lease: LeaderLease } | undefined;
  readonly election: object;
}

const inCore = (engine: Engine<unknown>) => engine as unknown as InsideCore;

const core: LeasePlaces = {
  lease: (engine) => inCore(engine).leader?.lease,
  promise: (engine) => inCore(engine).state.promise,
  ignoreLeaders: (engine) => Object.defineProperty(inCore(engine).election, 'hasLeader', { get: () => false }),
};

// --- etcd ---

interface InsideEtcd {
  readonly leadership: { readonly lease: LeaderLease } | undefined;
  readonly node: { readonly state: { readonly promise: LeaderPromise } };
}

const inEtcd = (engine: Engine<unknown>) => engine as unknown as InsideEtcd;

const etcd: LeasePlaces = {
  lease: (engine) => inEtcd(engine).leadership?.lease,
  promise: (engine) => inEtcd(engine).node.state.promise,
  ignoreLeaders: (engine) => Object.defineProperty(inEtcd(engine).node.state, 'inLease', { get: () => false }),
};

export const LEASE_PLACES: Readonly<Record<string, LeasePlaces>> = { gorums: core, etcd, hashicorp: core };
