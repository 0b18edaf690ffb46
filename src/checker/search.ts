/**
 * The search for a linearization of one key's history.
 *
 * Wing and Gong, "Testing and Verifying Concurrent Objects" (JPDC 17, 1993): repeatedly pick an operation that no
 * unplaced operation precedes, check that the model allows its output, and back up when none is left. Lowe, "Testing
 * for linearizability" (CCPE 29, 2017): keep the events in a doubly linked list from which placed operations are
 * lifted, and remember configurations so that none is entered twice. Beyond the papers, each step proven where it is
 * taken:
 *
 * - A configuration is stored as (first return that still blocks, which of the operations open there are unplaced,
 *   state). Everything that returned before that point is placed and everything invoked after it is not, so this
 *   says the same as the bit set over all operations, in a few words whatever the history's length.
 * - A read-only operation that fits the present state is placed at once: if some completion exists, moving the
 *   operation to its front is one too, since it changes nothing wherever it stands.
 * - Operations of unknown outcome are optional. Among equal ones only the earliest is tried, as all stay open for
 *   ever; one that would leave the state as it is is skipped; and a configuration is given up when another, equal but
 *   for having spent a subset of them, was entered before.
 */
import { Budget, type Exhausted } from './budget.ts';
import { type Operation, UNKNOWN } from './history.ts';
import { ILLEGAL, type Illegal, type Model } from './model.ts';
import { layOut, type Problem } from './problem.ts';
import { VisitedConfigurations } from './visited.ts';

export type Verdict = 'ok' | 'illegal' | 'unknown';

export interface SearchResult {
  readonly verdict: Verdict;
  /** Set when the verdict is 'unknown'. */
  readonly exhausted?: Exhausted;
  /** The longest order found, as positions in the operations given: all of those with outcomes if the verdict is 'ok'. */
  readonly order: readonly number[];
}

/** Decides by search alone, whatever shortcuts the model knows. */
export function search<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  budget: Budget = new Budget(),
): SearchResult {
  return new Search(model, operations, budget).run();
}

/** One choice made: what was placed, and how to take it back. */
interface Frame {
  /** Where among the candidates to go on after this one fails. */
  readonly nextNode: number;
  readonly nextClass: number;
  readonly placedBefore: number;
  readonly stateBefore: number;
}

class Search<State, Input, Output> {
  private readonly model: Model<State, Input, Output>;
  private readonly operations: readonly Operation<Input, Output>[];
  private readonly budget: Budget;
  private readonly problem: Problem;
  private readonly states: State[] = [];
  private readonly stateIds = new Map<string | number, number>();
  /** 1 for required operations that cannot change any state. */
  private readonly readOnly: Uint8Array;
  private readonly visited: VisitedConfigurations;
  /** Scratch for the present configuration: blocking operation, state, unplaced slots, spent optional operations. */
  private readonly words: Int32Array;
  private readonly usedStart: number;
  /** Node 0 is both ends; node `1 + event` is an event of `problem.events`. */
  private readonly next: Int32Array;
  private readonly previous: Int32Array;
  private readonly spentOfClass: Int32Array;
  private readonly placed: number[] = [];
  private readonly frames: Frame[] = [];
  private state: number;
  private requiredPlaced = 0;
  private bestRequired = -1;
  private bestOrder: number[] = [];

  constructor(model: Model<State, Input, Output>, operations: readonly Operation<Input, Output>[], budget: Budget) {
    this.model = model;
    this.operations = operations;
    this.budget = budget;
    this.problem = layOut(model, operations);
    const { requiredCount, slotCount, source, events, classes } = this.problem;
    this.readOnly = Uint8Array.from({ length: requiredCount }, (_, operation) => {
      const { input, output } = operations[source[operation]!]!;
      return model.isReadOnly(input, output) ? 1 : 0;
    });
    this.usedStart = 2 + Math.ceil(slotCount / 32);
    const usedWords = Math.ceil((source.length - requiredCount) / 32);
    this.words = new Int32Array(this.usedStart + usedWords);
    this.visited = new VisitedConfigurations(this.usedStart, usedWords, budget.memoryBytesMax);
    this.next = new Int32Array(1 + 2 * requiredCount);
    this.previous = new Int32Array(1 + 2 * requiredCount);
    let last = 0;
    for (const event of events) {
      this.next[last] = 1 + event;
      this.previous[1 + event] = last;
      last = 1 + event;
    }
    this.next[last] = 0;
    this.previous[0] = last;
    this.spentOfClass = new Int32Array(classes.length);
    this.state = this.stateId(model.init());
  }

  run(): SearchResult {
    let hasMore = this.enter();
    let node = this.next[0]!;
    let fromClass = 0;
    for (;;) {
      if (this.requiredPlaced === this.problem.requiredCount) return { verdict: 'ok', order: this.order() };
      if (this.visited.isFull) return this.giveUp('memory');
      const choice = hasMore ? this.choose(node, fromClass) : undefined;
      if (typeof choice === 'string') return this.giveUp(choice);
      if (choice !== undefined) {
        hasMore = this.enter();
        node = this.next[0]!;
        fromClass = 0;
        continue;
      }
      this.keepIfBest();
      const frame = this.frames.pop();
      if (frame === undefined) return { verdict: 'illegal', order: this.bestOrder };
      this.takeBack(frame);
      hasMore = true;
      node = frame.nextNode;
      fromClass = frame.nextClass;
    }
  }

  /** Places the read-only operations that fit, and remembers the configuration. False if it need not be searched. */
  private enter(): boolean {
    const { requiredCount, slot } = this.problem;
    this.words.fill(0, 0, this.usedStart);
    let node = this.next[0]!;
    while (node !== 0 && node <= requiredCount) {
      const operation = node - 1;
      if (this.readOnly[operation] === 1 && this.stepRequired(operation) !== ILLEGAL) {
        // Its return may be the very next node, and goes as well: so continue from the node before.
        const before = this.previous[node]!;
        this.lift(operation);
        node = this.next[before]!;
        continue;
      }
      this.words[2 + (slot[operation]! >> 5)]! |= 1 << (slot[operation]! & 31);
      node = this.next[node]!;
    }
    this.words[0] = node;
    this.words[1] = this.state;
    return this.visited.add(this.words);
  }

  /** Places the next candidate that the model allows, from `node` on and then from the optional classes. */
  private choose(node: number, fromClass: number): true | undefined | Exhausted {
    const { requiredCount } = this.problem;
    for (; node !== 0 && node <= requiredCount; node = this.next[node]!) {
      const operation = node - 1;
      if (this.readOnly[operation] === 1) continue;
      const exhausted = this.budget.spend();
      if (exhausted !== undefined) return exhausted;
      const after = this.stepRequired(operation);
      if (after === ILLEGAL) continue;
      this.push(this.next[node]!, 0);
      this.lift(operation);
      this.state = this.stateId(after);
      return true;
    }
    return this.chooseOptional(node, fromClass);
  }

  private chooseOptional(blockingNode: number, fromClass: number): true | undefined | Exhausted {
    const { requiredCount, classes, invokeRank, returnRank } = this.problem;
    const blockedAt = returnRank[blockingNode - 1 - requiredCount]!;
    for (let index = fromClass; index < classes.length; index += 1) {
      const operation = classes[index]!.members[this.spentOfClass[index]!];
      if (operation === undefined || invokeRank[operation]! > blockedAt) continue;
      const exhausted = this.budget.spend();
      if (exhausted !== undefined) return exhausted;
      const { input } = this.operations[this.problem.source[operation]!]!;
      const after = this.model.step(this.states[this.state]!, input, UNKNOWN);
      if (after === ILLEGAL) continue;
      const afterId = this.stateId(after);
      if (afterId === this.state) continue;
      this.push(blockingNode, index + 1);
      this.placed.push(operation);
      this.spentOfClass[index]! += 1;
      this.flipUsed(operation);
      this.state = afterId;
      return true;
    }
    return undefined;
  }

  private push(nextNode: number, nextClass: number): void {
    this.frames.push({ nextNode, nextClass, placedBefore: this.placed.length, stateBefore: this.state });
  }

  private takeBack(frame: Frame): void {
    while (this.placed.length > frame.placedBefore) {
      const operation = this.placed.pop()!;
      if (operation < this.problem.requiredCount) this.unlift(operation);
    }
    // A frame that placed an optional operation goes on with the class after the one it spent.
    if (frame.nextClass > 0) {
      const index = frame.nextClass - 1;
      const { members } = this.problem.classes[index]!;
      this.spentOfClass[index]! -= 1;
      this.flipUsed(members[this.spentOfClass[index]!]!);
    }
    this.state = frame.stateBefore;
  }

  private flipUsed(operation: number): void {
    const bit = operation - this.problem.requiredCount;
    this.words[this.usedStart + (bit >> 5)]! ^= 1 << (bit & 31);
  }

  private lift(operation: number): void {
    this.unlink(1 + operation);
    this.unlink(1 + operation + this.problem.requiredCount);
    this.placed.push(operation);
    this.requiredPlaced += 1;
  }

  /** Must undo lifts in reverse order: a lifted node remembers its neighbours of that moment. */
  private unlift(operation: number): void {
    this.relink(1 + operation + this.problem.requiredCount);
    this.relink(1 + operation);
    this.requiredPlaced -= 1;
  }

  private unlink(node: number): void {
    this.next[this.previous[node]!] = this.next[node]!;
    this.previous[this.next[node]!] = this.previous[node]!;
  }

  private relink(node: number): void {
    this.next[this.previous[node]!] = node;
    this.previous[this.next[node]!] = node;
  }

  private stepRequired(operation: number): State | Illegal {
    const { input, output } = this.operations[this.problem.source[operation]!]!;
    return this.model.step(this.states[this.state]!, input, output);
  }

  private stateId(state: State): number {
    const key = this.model.key(state);
    const known = this.stateIds.get(key);
    if (known !== undefined) return known;
    this.stateIds.set(key, this.states.length);
    this.states.push(state);
    return this.states.length - 1;
  }

  private order(): number[] {
    return this.placed.map((operation) => this.problem.source[operation]!);
  }

  private keepIfBest(): void {
    if (this.requiredPlaced <= this.bestRequired) return;
    this.bestRequired = this.requiredPlaced;
    this.bestOrder = this.order();
  }

  private giveUp(exhausted: Exhausted): SearchResult {
    this.keepIfBest();
    return { verdict: 'unknown', exhausted, order: this.bestOrder };
  }
}
