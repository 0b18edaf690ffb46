import { describe, expect, it } from 'vitest';
import type { EngineKind, NodeId } from '../../consensus/contract.ts';
import { ENGINES, loadEngines } from '../../consensus/engines.ts';
import { REGISTER_BYTES } from '../../wire/command.ts';
import { NO_FENCE, NO_FENCES } from '../../wire/fence.ts';
import { type AdmissionAnswer, admit, admittedHardState } from '../identity/admission.ts';
import { stillCounts } from '../identity/fences.ts';
import { blankIdentity, type Identity } from '../identity/identity.ts';
import { MemoryDisk, MemoryPromisedArea } from '../storage/memoryDisk.ts';
import { openMemoryLogStore } from '../storage/openLogStore.ts';
import { batch, Listener } from '../storage/testing.ts';
import type { CommandOutcome } from './outcomes.ts';
import { type DrivenReplica, drivenReplica } from './testing/drivenReplica.ts';

/** What a process runs on. */
interface Kept {
  readonly disk: MemoryDisk;
  readonly area: MemoryPromisedArea;
}

/** A process of a server. */
interface Process {
  readonly identity: Identity;
  readonly kept: Kept;
  readonly driven: DrivenReplica<unknown>;
}

/** Servers 1 to 3, of which some have two processes, in one room: who hears whom is said by the test. */
class Room {
  /** Pairs that hear each other. */
  hearing: (readonly [Process, Process])[] = [];
  /** It hears as well what is said to others that have its id. */
  overhears: Process | undefined;
  private readonly kind: EngineKind<unknown>;
  private readonly heedsFences: boolean;
  private mail: { readonly from: Process; readonly to: NodeId; readonly message: unknown }[] = [];

  constructor(kind: EngineKind<unknown>, heedsFences: boolean) {
    this.kind = kind;
    this.heedsFences = heedsFences;
  }

  start(id: NodeId, instance: string, patience: number, admitted = 0, kept = nothingKept()): Process {
    const identity: Identity = { ...blankIdentity(id, this.kind.name, instance, 'member'), cluster: 'c', admitted };
    const driven = drivenReplica(this.kind, {
      id,
      patience,
      bootstrap: [1, 2, 3],
      ...kept,
      ...(this.heedsFences ? { self: identity } : {}),
      environment: {
        send: (envelopes) => {
          for (const { to, message } of envelopes) this.mail.push({ from: process, to, message });
        },
      },
    });
    const process: Process = { identity, kept, driven };
    return process;
  }

  /** 5 ms pass for these processes, and what they say arrives, if its receiver hears it. */
  async step(...processes: readonly Process[]): Promise<void> {
    for (const { driven } of processes) await driven.step();
    while (this.mail.length > 0) {
      for (const { from, to, message } of this.mail.splice(0)) {
        for (const receiver of this.hearersOf(from)) {
          if (receiver.identity.id !== to || !this.knows(from, receiver) || !this.knows(receiver, from)) continue;
          receiver.driven.replica.receive(from.identity.id, message);
          receiver.driven.run();
        }
      }
    }
  }

  async until(done: () => boolean, ...processes: readonly Process[]): Promise<void> {
    for (let i = 0; i < 400 && !done(); i++) await this.step(...processes);
    expect(done()).toBe(true);
  }

  private hearersOf(from: Process): Process[] {
    const hearers = this.hearing.flatMap(([a, b]) => (a === from ? [b] : b === from ? [a] : []));
    return this.overhears === undefined || from === this.overhears ? hearers : [...hearers, this.overhears];
  }

  /** Whether `other` is the one to be heard, and spoken to, under its id. */
  private knows({ identity, driven }: Process, other: Process): boolean {
    const fences = this.heedsFences ? driven.replica.fences : NO_FENCES;
    return stillCounts(identity, fences, other.identity);
  }
}

function nothingKept(): Kept {
  return { disk: new MemoryDisk(), area: new MemoryPromisedArea() };
}

/** What the next process finds. */
function keptBy({ disk, area }: Kept): Kept {
  return { disk, area: new MemoryPromisedArea('automatic', area.content) };
}

/** What a server runs on that was admitted. */
async function admittedWith(id: NodeId, { snapshot, spentTerm }: Extract<AdmissionAnswer, { ok: true }>) {
  const kept = nothingKept();
  const listener = new Listener();
  const { store } = openMemoryLogStore(listener, { cacheEntries: 1000 }, kept.disk, kept.area);
  store.persist(batch(1, { snapshot, hardState: admittedHardState(id, snapshot, spentTerm) }));
  await listener.until(() => listener.marks.length > 0);
  await store.close();
  return keptBy(kept);
}

/** Server 3 is admitted again by server 1 while its earlier process is cut off, and server 1 stops. */
async function admittedBeside(room: Room, { a, b, earlier }: { a: Process; b: Process; earlier: Process }) {
  room.hearing = [
    [a, b],
    [a, earlier],
    [b, earlier],
  ];
  const isSettled = () => {
    const { role, lastIndex, appliedIndex } = status(a);
    return role === 'leader' && lastIndex > 0 && lastIndex === appliedIndex && status(earlier).lastIndex === lastIndex;
  };
  await room.until(isSettled, a, b, earlier);

  room.hearing = [[a, b]];
  const answers: AdmissionAnswer[] = [];
  const request = { rejoin: true, after: NO_FENCE };
  admit(a.driven.replica, { id: 3, instance: 'new' }, request, (answer) => answers.push(answer));
  await room.until(() => answers.length > 0, a, b);
  const [answer] = answers;
  if (!answer?.ok) return expect.unreachable('nothing was given');
  expect(b.driven.replica.fences.get(3)).toEqual({ index: answer.admitted, instance: 'new' });

  a.driven.replica.stop();
  await a.driven.store.close();
  room.hearing = [];
  return answer;
}

function status({ driven }: Process) {
  return driven.replica.status();
}

/**
 * The interleaving of admission.ts: server 1 is started again
 * and cannot be reached but by the earlier process; server 2 and the new one hear each other. Returns how both were answered who
 * asked servers 1 and 2 for a session, and who leads which term.
 */
async function besideAnEarlierProcess(kind: EngineKind<unknown>, heedsFences: boolean) {
  const room = new Room(kind, heedsFences);
  const a = room.start(1, 'a', 0);
  const b = room.start(2, 'b', 0.3);
  const earlier = room.start(3, 'earlier', 0.99);
  const answer = await admittedBeside(room, { a, b, earlier });
  // It has missed its leader for long enough to vote for another, and does not stand yet.
  for (let i = 0; i < 14; i++) await room.step(earlier);
  const again = room.start(1, 'a', 0, 0, keptBy(a.kept));
  const admitted = room.start(3, 'new', 0.99, answer.admitted, await admittedWith(3, answer));
  room.hearing = [
    [again, earlier],
    [b, admitted],
  ];
  const all = [again, earlier, b, admitted];
  await room.until(() => status(b).role === 'leader', ...all);
  const outcomes: CommandOutcome[] = [];
  const ask = ({ driven }: Process) => {
    const { id } = driven.replica.status();
    const commandDone = (_tag: number, outcome: CommandOutcome) => {
      outcomes[id] = outcome;
    };
    driven.replica.submit(REGISTER_BYTES, { commandDone, lookupDone: () => {} }, 0);
  };
  for (let i = 0; i < 10; i++) await room.step(...all);
  ask(again);
  ask(b);
  const leaders = [again, b].filter((each) => status(each).role === 'leader').map((each) => status(each).term);
  await room.until(() => outcomes[1] !== undefined && outcomes[2] !== undefined, ...all);
  return { leaders, outcomes: [outcomes[1]!, outcomes[2]!] as const };
}

/**
 * Server 3 stands, while what server 2 says to it reaches its earlier process as well, which stands in the same term. Returns who leads it.
 */
async function overheard(kind: EngineKind<unknown>, heedsFences: boolean) {
  const room = new Room(kind, heedsFences);
  const a = room.start(1, 'a', 0);
  const b = room.start(2, 'b', 0.99);
  const earlier = room.start(3, 'earlier', 0.3);
  const answer = await admittedBeside(room, { a, b, earlier });
  const admitted = room.start(3, 'new', 0.3, answer.admitted, await admittedWith(3, answer));
  room.hearing = [[b, admitted]];
  room.overhears = earlier;
  await room.until(() => status(admitted).role === 'leader', b, earlier, admitted);
  const { term } = status(admitted);
  return [admitted, earlier].filter((each) => status(each).role === 'leader' && status(each).term === term);
}

const engines = Object.entries(await loadEngines(ENGINES));

it('two processes of a server led one term where one heard the votes for the other', async () => {
  const both = await Promise.all(engines.map(([, { kind }]) => overheard(kind, false)));
  expect(Math.max(...both.map(({ length }) => length))).toBe(2);
});

describe.each(engines)('a live earlier process beside an admission, with the %s engine', (_name, { kind }) => {
  it('made two leaders of one term, which acknowledged different entries of one index, where nobody heeded the fence', async () => {
    const { leaders, outcomes } = await besideAnEarlierProcess(kind, false);
    expect(leaders).toEqual([leaders[0], leaders[0]]);
    expect(outcomes[0]).toMatchObject({ status: 'ok' });
    expect(outcomes[0]).toEqual(outcomes[1]);
  });

  it('elects nobody', async () => {
    const { leaders, outcomes } = await besideAnEarlierProcess(kind, true);
    expect(leaders).toHaveLength(1);
    expect(outcomes[0].status).toBe('not-leader');
    expect(outcomes[1]).toMatchObject({ status: 'ok' });
  });

  it('counts no votes for the process that was admitted', async () => {
    expect(await overheard(kind, true)).toHaveLength(1);
  });
});
