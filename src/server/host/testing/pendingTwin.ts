import { CommandType } from '../../../wire/command.ts';
import type { CommandOutcome, LookupOutcome } from '../outcomes.ts';
import { FRESH_BYTES_MAX, LARGE_OPEN_BYTES_MAX, OFFERED_BYTES_MAX, type SmallBounds } from '../pendingCommands.ts';

/** Kinds of commands: what is foreseen of most is nothing. */
export const PASSES = 0;

const REFUSED = { status: 'invalid', detail: 'refused' } as const;
type Verdict = typeof REFUSED | 'undecided' | undefined;
/** What is foreseen of each kind, and what after a read. */
export const VERDICTS: readonly { readonly first: Verdict; readonly second?: Verdict }[] = [
  { first: undefined },
  { first: REFUSED },
  { first: 'undecided' },
  { first: 'undecided', second: REFUSED },
  { first: 'undecided', second: 'undecided' },
];

const HEADER_BYTES = 9;
const HEADERS_MAX = 4096;
/** Holds all commands: they overlap, for what follows a command's header is never read before it is applied. */
let memory: Uint8Array | undefined;
const offsets = new Map<string, number>();

/** A command of a session, 0 being none: a view of its own. */
export function commandOf(session: number, size: number): Uint8Array {
  memory ??= new Uint8Array(HEADERS_MAX * HEADER_BYTES + 2 * LARGE_OPEN_BYTES_MAX);
  const name = `${session} ${size}`;
  const offset = offsets.get(name) ?? offsets.size * HEADER_BYTES;
  if (!offsets.has(name)) {
    offsets.set(name, offset);
    memory.set(headerOf(session, size), offset);
  }
  return memory.subarray(offset, offset + size);
}

function headerOf(session: number, size: number): number[] {
  // The length of what follows, in four bytes.
  const rest = size - HEADER_BYTES + 2;
  const length = [0, 7, 14, 21].map((shift) => ((rest >> shift) & 0x7f) | (shift < 21 ? 0x80 : 0));
  return [0x08, CommandType.Insert, 0x12, ...length, 0x08, session];
}

/** A command as the twin knows it. */
export interface Item {
  readonly tag: number;
  readonly session: number;
  /** A place in VERDICTS. */
  readonly kind: number;
  readonly size: number;
}

interface Lookup {
  readonly tag: number;
  readonly key: string;
}

const NOT_DONE = { status: 'not-leader', leader: 0 } as const;

/** What PendingCommands is to do, in lists of single commands, looked through from the beginning each time. */
export class PendingTwin {
  private arrived: Item[] = [];
  private waiting: Item[] = [];
  private undecided: Item[] = [];
  private cleared: Item[] = [];
  private lookups: Lookup[] = [];
  private readonly deciding = new Map<number, Item[]>();
  private readonly decidable: { readonly index: number; readonly item: Item }[] = [];
  private readonly batches = new Map<number, Item[]>();
  /** What stands in the log, by index. */
  private readonly log = new Map<number, { readonly item: Item; readonly term: number }>();
  private readonly reading = new Map<number, Lookup[]>();
  private readonly confirmed: { readonly index: number; readonly lookup: Lookup }[] = [];
  /** Bytes of what is not answered. */
  private readonly open = new Map<number, number>();
  /** The tags of all that were commands. */
  private readonly openCommands = new Set<number>();
  /** Large commands that the engine has. */
  private readonly largeOpen = new Map<number, number>();
  private told: [number, unknown][] = [];

  get size(): number {
    return this.open.size;
  }

  get bytes(): number {
    return sum(this.open.values());
  }

  get toldCount(): number {
    return this.told.length;
  }

  /** Whether there is more that can be taken at once. */
  get hasMore(): boolean {
    const [next] = this.waiting;
    return this.arrived.length > 0 || (next !== undefined && (!isLarge(next) || this.mayBeOpen(next)));
  }

  takeTold(): [number, unknown][] {
    const told = this.told;
    this.told = [];
    return told;
  }

  addCommand(item: Item): void {
    this.arrived.push(item);
    this.open.set(item.tag, item.size);
    this.openCommands.add(item.tag);
  }

  /** Bytes of each command that is open and not large. */
  openSmall(): number[] {
    return [...this.openCommands]
      .filter((tag) => this.open.has(tag))
      .map((tag) => this.open.get(tag)!)
      .filter((size) => size < OFFERED_BYTES_MAX);
  }

  addLookup(lookup: Lookup): void {
    this.lookups.push(lookup);
    this.open.set(lookup.tag, lookup.key.length);
  }

  takeCommands(sizeMax: number, bytesMax: number, leader: number, small: SmallBounds): Item[] | undefined {
    while ((this.size > sizeMax || this.bytes > bytesMax) && this.arrived.length > 0) {
      this.tell(this.arrived.pop()!.tag, { status: 'overloaded', leader });
    }
    const isTooMuch = (sizes: readonly number[]) => sizes.length > small.commandsMax || sum(sizes) > small.bytesMax;
    while (isTooMuch(this.openSmall()) && this.arrived.some((item) => !isLarge(item))) {
      const last = this.arrived.findLastIndex((item) => !isLarge(item));
      const [{ tag }] = this.arrived.splice(last, 1) as [Item];
      this.tell(tag, { status: 'overloaded', leader });
    }
    const offered: Item[] = [];
    const leaving = this.leaving();
    for (const item of leaving) {
      const { first } = VERDICTS[item.kind]!;
      if (first === undefined) offered.push(item);
      else if (first === 'undecided') this.undecided.push(item);
      else this.tell(item.tag, first);
    }
    offered.push(...this.cleared);
    this.cleared = [];
    for (const item of offered) if (isLarge(item)) this.largeOpen.set(item.tag, item.size);
    return offered.length === 0 ? undefined : offered;
  }

  /** Small ones as long as there is room, past what is large and the sessions of that; then what waits, one large one at most. */
  private leaving(): Item[] {
    const leaving: Item[] = [];
    const smallBytes = () => sum(leaving.filter((item) => !isLarge(item)).map((item) => item.size));
    const fits = (size: number) => smallBytes() === 0 || smallBytes() + size <= FRESH_BYTES_MAX;
    while (this.arrived.length > 0) {
      const item = this.arrived[0]!;
      const isBehind = item.session !== 0 && this.waiting.some(({ session }) => session === item.session);
      if (isLarge(item) || isBehind) this.waiting.push(item);
      else if (fits(item.size)) leaving.push(item);
      else break;
      this.arrived.shift();
    }
    // Here a small one more than fits may leave: it is the last one then.
    while (this.waiting.length > 0 && smallBytes() <= OFFERED_BYTES_MAX) {
      const item = this.waiting[0]!;
      if (isLarge(item) && (leaving.some(isLarge) || !this.mayBeOpen(item))) break;
      leaving.push(item);
      this.waiting.shift();
    }
    return leaving;
  }

  private mayBeOpen({ size }: Item): boolean {
    return this.largeOpen.size === 0 || sum(this.largeOpen.values()) + size <= LARGE_OPEN_BYTES_MAX;
  }

  proposed(token: number, items: readonly Item[]): void {
    this.batches.set(token, [...items]);
  }

  takeUndecided(token: number | undefined): boolean {
    const undecided = this.undecided;
    this.undecided = [];
    if (undecided.length > 0) this.deciding.set(token!, undecided);
    return undecided.length > 0;
  }

  /** Whether there are commands to be taken that a read let pass just now. */
  decideRead(appliedIndex: number): boolean {
    const isAny = this.decidable.length > 0;
    for (const { item } of takeWhere(this.decidable, ({ index }) => index <= appliedIndex)) {
      const { second } = VERDICTS[item.kind]!;
      if (second === undefined || second === 'undecided') this.cleared.push(item);
      else this.tell(item.tag, second);
    }
    return isAny && this.cleared.length > 0;
  }

  limitLookups(sizeMax: number, bytesMax: number, leader: number): boolean {
    while ((this.size > sizeMax || this.bytes > bytesMax) && this.lookups.length > 0) {
      this.tell(this.lookups.pop()!.tag, { status: 'overloaded', leader });
    }
    return this.lookups.length > 0;
  }

  takeLookups(token: number): void {
    this.reading.set(token, this.lookups);
    this.lookups = [];
  }

  accept(token: number, offset: number, count: number, firstIndex: number, term: number): void {
    for (let i = 0; i < count; i++) this.log.set(firstIndex + i, { item: this.batches.get(token)![offset + i]!, term });
  }

  reject(token: number, offset: number, count: number, outcome: CommandOutcome): void {
    for (const { tag } of this.batches.get(token)!.slice(offset, offset + count)) this.tell(tag, outcome);
  }

  applied(index: number, term: number, result: CommandOutcome | undefined): void {
    for (const [at, accepted] of this.log) {
      if (at > index) continue;
      this.log.delete(at);
      const isDone = accepted.term === term && result !== undefined;
      // What became of those before is not known: a snapshot took their place.
      const outcome = at < index ? { status: 'unknown', leader: 0 } : isDone ? result : NOT_DONE;
      this.tell(accepted.item.tag, outcome);
    }
  }

  readConfirmed(token: number, index: number): void {
    for (const item of this.deciding.get(token) ?? []) this.decidable.push({ index, item });
    for (const lookup of this.reading.get(token) ?? []) this.confirmed.push({ index, lookup });
    this.deciding.delete(token);
    this.reading.delete(token);
  }

  readFailed(token: number, outcome: LookupOutcome): void {
    for (const { tag } of [...(this.deciding.get(token) ?? []), ...(this.reading.get(token) ?? [])]) {
      this.tell(tag, outcome);
    }
    this.deciding.delete(token);
    this.reading.delete(token);
  }

  answerLookups(appliedIndex: number, valueFor: (key: string) => Uint8Array | undefined): void {
    for (const { lookup } of takeWhere(this.confirmed, ({ index }) => index <= appliedIndex)) {
      this.tell(lookup.tag, { status: 'ok', value: valueFor(lookup.key) });
    }
  }

  loseAccepted(leader: number): void {
    for (const { item } of this.log.values()) this.tell(item.tag, { status: 'unknown', leader });
    this.log.clear();
  }

  /** What stands in no log was certainly not done. */
  loseAll(leader: number): void {
    this.loseAccepted(leader);
    for (const tag of [...this.open.keys()]) this.tell(tag, NOT_DONE);
    this.arrived = [];
    this.waiting = [];
    this.undecided = [];
    this.cleared = [];
    this.lookups = [];
    this.deciding.clear();
    this.decidable.length = 0;
    this.reading.clear();
    this.confirmed.length = 0;
  }

  private tell(tag: number, outcome: unknown): void {
    this.open.delete(tag);
    this.largeOpen.delete(tag);
    this.told.push([tag, outcome]);
  }
}

function isLarge({ size }: Item): boolean {
  return size >= OFFERED_BYTES_MAX;
}

function sum(sizes: Iterable<number>): number {
  return [...sizes].reduce((total, each) => total + each, 0);
}

function takeWhere<T>(list: T[], isTaken: (each: T) => boolean): T[] {
  const taken = list.filter(isTaken);
  const rest = list.filter((each) => !isTaken(each));
  list.splice(0, list.length, ...rest);
  return taken;
}
