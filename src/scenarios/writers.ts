import type { Happening } from './happenings.ts';
import type { Load } from './scenario.ts';

/** Time as whoever hosts a play has it. */
export interface PlayClock {
  nowMs(): number;
  /** Returns how to call it off. */
  after(delayMs: number, run: () => void): () => void;
}

/** One client of the library, with a session. */
export interface ClientPort {
  /** `done` is told whether the write was acknowledged; it may still be done where it was not. */
  insert(key: string, value: string, done: (isAcknowledged: boolean) => void): void;
}

/** Makes client `number`; hands it over once it has its session. */
export type OpenClient = (number: number, opened: (client: ClientPort) => void) => void;

interface Writer {
  readonly number: number;
  port: ClientPort | undefined;
  /** Of its last write that was acknowledged; 0: none. */
  acknowledged: number;
  issued: number;
  isWaiting: boolean;
  dueMs: number;
}

/** Clients that write as the load says: each at its rate, and never before its last write was answered. */
export class Writers {
  private readonly clock: PlayClock;
  private readonly open: OpenClient;
  private readonly happened: (happening: Happening) => void;
  private readonly writers: Writer[] = [];
  private load: Load;
  private isOver = false;

  constructor(load: Load, clock: PlayClock, open: OpenClient, happened: (happening: Happening) => void) {
    this.load = load;
    this.clock = clock;
    this.open = open;
    this.happened = happened;
    this.resize();
  }

  /** From now on. Clients beyond the number begin nothing more. */
  change(change: Partial<Pick<Load, 'clients' | 'rate'>>): void {
    const nowMs = this.clock.nowMs();
    const resting = this.writers.slice(this.load.clients);
    this.load = { ...this.load, ...change };
    this.resize();
    for (const writer of this.writers) writer.dueMs = nowMs;
    for (const writer of resting) this.next(writer);
  }

  /** Begins nothing more. */
  rest(): void {
    this.isOver = true;
  }

  get inFlight(): number {
    return this.writers.filter(({ isWaiting }) => isWaiting).length;
  }

  /** How many writes the one that has the fewest has had acknowledged. */
  get servedLeast(): number {
    return Math.min(...this.writers.slice(0, this.load.clients).map(({ acknowledged }) => acknowledged));
  }

  /** What each client's key must hold: at least what was acknowledged last, and nothing that was never sent. */
  get books(): readonly Book[] {
    return this.writers.map(({ number, acknowledged, issued }) => ({ key: keyOf(number), acknowledged, issued }));
  }

  private resize(): void {
    for (let number = this.writers.length; number < this.load.clients; number++) {
      const writer: Writer = {
        number,
        port: undefined,
        acknowledged: 0,
        issued: 0,
        isWaiting: false,
        dueMs: this.clock.nowMs(),
      };
      this.writers.push(writer);
      this.open(number, (port) => {
        writer.port = port;
        this.next(writer);
      });
    }
  }

  private next(writer: Writer): void {
    const { port, number } = writer;
    if (this.isOver || port === undefined || writer.isWaiting || number >= this.load.clients) return;
    writer.isWaiting = true;
    const sentMs = this.clock.nowMs();
    const value = ++writer.issued;
    port.insert(keyOf(number), textOf(value, this.load.payloadBytes), (isAcknowledged) => {
      writer.isWaiting = false;
      const atMs = this.clock.nowMs();
      if (isAcknowledged) writer.acknowledged = value;
      this.happened({ kind: isAcknowledged ? 'acknowledged' : 'given-up', atMs, client: number, sentMs });
      this.waitForTurn(writer);
    });
  }

  private waitForTurn(writer: Writer): void {
    const nowMs = this.clock.nowMs();
    // What was due while it waited is not made up for.
    writer.dueMs = Math.max(nowMs, writer.dueMs + 1000 / this.load.rate);
    this.clock.after(writer.dueMs - nowMs, () => this.next(writer));
  }
}

export interface Book {
  readonly key: string;
  readonly acknowledged: number;
  readonly issued: number;
}

function keyOf(number: number): string {
  return `writer-${number}`;
}

function textOf(value: number, bytes: number): string {
  return `${value}.`.padEnd(bytes, 'x');
}

/** What is wrong with a key that holds this; undefined where nothing is. */
export function wrongValue({ key, acknowledged, issued }: Book, found: string | undefined): string | undefined {
  const value = found === undefined ? 0 : Number(/^(\d+)\.x*$/.exec(found)?.[1] ?? Number.NaN);
  if (value >= acknowledged && value <= issued) return undefined;
  const expected = acknowledged === issued ? `write ${issued}` : `one of writes ${acknowledged} to ${issued}`;
  return `${key} holds ${found ?? 'nothing'}: expected ${expected}, of which ${acknowledged} was acknowledged`;
}
