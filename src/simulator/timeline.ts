/** Virtual time: whole microseconds since the world began. */
export interface TimelineEvent {
  readonly atUs: number;
  readonly order: number;
  /** undefined once it has been cancelled. */
  run: (() => void) | undefined;
}

/**
 * What is going to happen, in the order of its time; events of one instant happen in the order in which they were
 * scheduled. A binary heap on (time, order).
 */
export class Timeline {
  nowUs = 0;
  /** Events that have happened. */
  steps = 0;
  private readonly heap: TimelineEvent[] = [];
  private order = 0;

  after(delayUs: number, run: () => void): TimelineEvent {
    return this.at(this.nowUs + delayUs, run);
  }

  at(timeUs: number, run: () => void): TimelineEvent {
    const event: TimelineEvent = { atUs: Math.max(this.nowUs, Math.round(timeUs)), order: this.order++, run };
    this.push(event);
    return event;
  }

  /** Lets the next event happen. Returns false where there is none. */
  step(): boolean {
    for (;;) {
      const event = this.pop();
      if (event === undefined) return false;
      const { run } = event;
      if (run === undefined) continue;
      event.run = undefined;
      this.nowUs = event.atUs;
      this.steps++;
      run();
      return true;
    }
  }

  private push(event: TimelineEvent): void {
    const heap = this.heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  private pop(): TimelineEvent | undefined {
    const heap = this.heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: TimelineEvent, b: TimelineEvent): boolean {
  return a.atUs < b.atUs || (a.atUs === b.atUs && a.order < b.order);
}
