import type { NodeId } from '../../consensus/contract.ts';
import type { Introduction } from './identity.ts';
import type { Answer, StartDecision } from './startDecision.ts';

/** How long a server that is asked who it is has to answer. */
export interface AskTimes {
  /** What it has at first, and again where its answers take less than half of that. */
  readonly leastMs: number;
  /** What it has in the end. */
  readonly mostMs: number;
  /**
   * Once most of the initial members have answered a member that starts again, those that say nothing are waited for no longer than
   * this. No time would be long enough to be sure of them, and what they have to say is heard when they say it.
   */
  readonly silenceMs: number;
}

export const ASK_TIMES: AskTimes = { leastMs: 1_000, mostMs: 10_000, silenceMs: 300 };

export type Answers = ReadonlyMap<NodeId, Answer>;

/** No answer came in time. */
export const LATE: Answer = { kind: 'silent', isLate: true };

/**
 * How long each server is given to answer: twice as long as the last time where it did not make it, and twice what its last answer took.
 * A time that is always the same keeps servers apart for ever that are farther from one another than that. Nothing may follow
 * from it: a time that is too short costs a round and no more.
 */
export class Patience {
  private readonly times: AskTimes;
  private readonly givenMs = new Map<NodeId, number>();

  constructor(times: AskTimes = ASK_TIMES) {
    this.times = times;
  }

  timeoutMs(peer: NodeId): number {
    return this.givenMs.get(peer) ?? this.times.leastMs;
  }

  heard(peer: NodeId, answer: Answer, tookMs: number): void {
    const isLate = answer.kind === 'silent' && answer.isLate === true;
    // One that is not running is no farther away than it was.
    if (answer.kind === 'silent' && !isLate) return;
    const nextMs = isLate ? 2 * this.timeoutMs(peer) : 2 * tookMs;
    this.givenMs.set(peer, Math.min(this.times.mostMs, Math.max(this.times.leastMs, nextMs)));
  }
}

/** The world of a server that asks the others who they are. */
export interface Asker {
  readonly times: AskTimes;
  nowMs(): number;
  after(delayMs: number, run: () => void): void;
  /** `answered` hears once: LATE where nothing comes within `timeoutMs`. */
  ask(peer: NodeId, own: Introduction, timeoutMs: number, answered: (answer: Answer) => void): void;
}

interface Round {
  readonly peers: readonly NodeId[];
  readonly own: Introduction;
  timeoutMs(peer: NodeId): number;
  /** Once the least time is over, those that have not been heard are waited for no longer. */
  isEnough(heard: Answers): boolean;
  /** Those that have not been heard are waited for `silenceMs` more. */
  isMost(heard: Answers): boolean;
}

/** `answers` holds every peer, in the order of `peers`. What comes after it is told `later`, with all that came before. */
function askAll(
  asker: Asker,
  round: Round,
  then: (answers: Answers) => void,
  later: (answers: Answers) => void = () => {},
): void {
  const heard = new Map<NodeId, Answer>();
  const soFar = () => new Map(round.peers.filter((peer) => heard.has(peer)).map((peer) => [peer, heard.get(peer)!]));
  const all = () => new Map(round.peers.map((peer) => [peer, heard.get(peer) ?? LATE]));
  let isOpen = true;
  let isLong = false;
  const end = () => {
    if (!isOpen) return;
    isOpen = false;
    then(all());
  };
  const look = () => {
    if (heard.size === round.peers.length || (isLong && round.isEnough(soFar()))) end();
    else if (round.isMost(soFar())) asker.after(asker.times.silenceMs, end);
  };
  for (const peer of round.peers) {
    asker.ask(peer, round.own, round.timeoutMs(peer), (answer) => {
      heard.set(peer, answer);
      if (isOpen) look();
      else later(all());
    });
  }
  asker.after(0, look);
  asker.after(asker.times.leastMs, () => {
    isLong = true;
    look();
  });
}

/**
 * One round of a server whose folder is new. Each is given the time that it needs; once what follows is certain whatever the silent would
 * say, the least time is enough.
 */
export function askWhetherNew(
  asker: Asker,
  patience: Patience,
  peers: readonly NodeId[],
  own: Introduction,
  isCertain: (answers: Answers) => boolean,
  then: (answers: Answers) => void,
): void {
  const startMs = asker.nowMs();
  const patient: Asker = {
    ...asker,
    ask: (peer, claim, timeoutMs, answered) =>
      asker.ask(peer, claim, timeoutMs, (answer) => {
        patience.heard(peer, answer, asker.nowMs() - startMs);
        answered(answer);
      }),
  };
  const timeoutMs = (peer: NodeId) => patience.timeoutMs(peer);
  askAll(patient, { peers, own, timeoutMs, isEnough: isCertain, isMost: () => false }, then);
}

/**
 * The round of a member that starts again, or has just become one. All that it waits for is to be kept from promising something with a
 * wrong folder, and whoever objects later is heard as well (`later`); so it waits long only while nobody answers.
 */
export function askOfMember(
  asker: Asker,
  peers: readonly NodeId[],
  own: Introduction,
  bootstrap: readonly NodeId[],
  then: (answers: Answers) => void,
  later: (answers: Answers) => void,
): void {
  const isHeard = (id: NodeId, answers: Answers) => (answers.get(id)?.kind ?? 'silent') !== 'silent';
  const isEnough = (answers: Answers) => peers.some((id) => isHeard(id, answers));
  const isMost = (answers: Answers) =>
    bootstrap.filter((id) => id === own.id || isHeard(id, answers)).length > bootstrap.length / 2;
  askAll(asker, { peers, own, timeoutMs: () => asker.times.mostMs, isEnough, isMost }, then, later);
}

/**
 * Whether what follows is certain, whatever those would say that have not been heard: a member answered, or all initial members have.
 * Where it takes a leader, somebody named one.
 */
export function isCertain(
  decision: StartDecision,
  bootstrap: readonly NodeId[],
  self: NodeId,
  heard: Answers,
): boolean {
  switch (decision.kind) {
    case 'admission':
    case 'forgotten':
      return decision.leader !== 0;
    case 'wait':
      return bootstrap.every((id) => id === self || heard.has(id));
    default:
      return true;
  }
}
