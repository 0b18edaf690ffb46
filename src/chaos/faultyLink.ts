import { connect, createServer, type Server, type Socket } from 'node:net';

/** Which bytes: those of whoever dials, or the answers. */
export type Way = 'there' | 'back';

/** What one direction of a connection keeps back before its source has to wait, bytes. */
const KEPT_BYTES_MAX = 1 << 20;

/**
 * One way of the network, from one process to another, that can be broken: what is to be reached is at `target`, and whoever uses the
 * link dials `port`. Bytes are never changed or reordered, as TCP promises; they come late, in part, or not at all.
 */
export class FaultyLink {
  private readonly server: Server;
  private readonly connections = new Set<Connection>();
  /** Faults may overlap, so each is counted. */
  private readonly holds = { there: 0, back: 0 };
  private cuts = 0;
  private delaysMs: number[] = [];
  private target = 0;

  constructor() {
    this.server = createServer({ noDelay: true }, (near) => this.accept(near));
  }

  /** Resolves with the port of 127.0.0.1 on which it listens. */
  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen({ port: 0, host: '127.0.0.1', exclusive: true }, () => {
        resolve((this.server.address() as { port: number }).port);
      });
    });
  }

  /** From now on, connections lead to this port of 127.0.0.1. */
  leadTo(target: number): void {
    this.target = target;
  }

  get delayMs(): number {
    return Math.max(0, ...this.delaysMs);
  }

  isHeld(way: Way): boolean {
    return this.holds[way] > 0;
  }

  /** Nothing arrives that way, and nobody hears why: connections stay half open. Returns how to end it; what waited arrives then. */
  hold(way: Way): () => void {
    this.holds[way]++;
    return () => {
      this.holds[way]--;
      for (const connection of this.connections) connection.moveOn();
    };
  }

  /** Resets all connections, and those that are tried. Returns how to end it. */
  cut(): () => void {
    this.cuts++;
    this.reset();
    return () => {
      this.cuts--;
    };
  }

  /** Every byte takes so long, both ways. Returns how to end it. */
  delay(delayMs: number): () => void {
    this.delaysMs.push(delayMs);
    return () => {
      this.delaysMs.splice(this.delaysMs.indexOf(delayMs), 1);
    };
  }

  /** Lets so many bytes through on each connection and resets it then, wherever that is in a message. */
  resetAfter(way: Way, bytes: number): void {
    for (const connection of this.connections) connection.resetAfter(way, bytes);
  }

  private reset(): void {
    for (const connection of this.connections) connection.reset();
  }

  private accept(near: Socket): void {
    near.on('error', () => {});
    if (this.cuts > 0) {
      near.resetAndDestroy();
      return;
    }
    const connection = new Connection(this, near, () => {
      const far = connect({ port: this.target, host: '127.0.0.1', noDelay: true });
      far.on('error', () => {});
      return far;
    });
    this.connections.add(connection);
    connection.onEnd = () => this.connections.delete(connection);
  }

  close(): void {
    this.server.close();
    this.reset();
  }
}

/** One direction's bytes, as they came and not yet passed on; undefined: the end of the connection. */
interface Lane {
  readonly way: Way;
  readonly waiting: { readonly bytes: Buffer | undefined; readonly dueMs: number }[];
  waitingBytes: number;
  timer: NodeJS.Timeout | undefined;
  /** Bytes until the reset that is planned. */
  left: number | undefined;
}

class Connection {
  onEnd: () => void = () => {};
  private readonly link: FaultyLink;
  private readonly near: Socket;
  private readonly dial: () => Socket;
  /** Dialled when the first byte gets there: until then the other end has heard of nothing. */
  private far: Socket | undefined;
  private readonly there: Lane = newLane('there');
  private readonly back: Lane = newLane('back');

  constructor(link: FaultyLink, near: Socket, dial: () => Socket) {
    this.link = link;
    this.near = near;
    this.dial = dial;
    this.follow(near, this.there);
  }

  private follow(source: Socket, lane: Lane): void {
    source.on('data', (bytes) => this.take(lane, bytes));
    source.on('close', () => this.take(lane, undefined));
    source.on('drain', () => this.moveOn());
  }

  private take(lane: Lane, bytes: Buffer | undefined): void {
    lane.waiting.push({ bytes, dueMs: performance.now() + this.link.delayMs });
    lane.waitingBytes += bytes?.length ?? 0;
    this.pump(lane);
  }

  /** A fault has ended, or there is room again. */
  moveOn(): void {
    this.pump(this.there);
    this.pump(this.back);
  }

  resetAfter(way: Way, bytes: number): void {
    this[way].left = bytes;
  }

  private pump(lane: Lane): void {
    while (lane.waiting.length > 0 && !this.link.isHeld(lane.way)) {
      const { bytes, dueMs } = lane.waiting[0]!;
      const waitMs = dueMs - performance.now();
      if (waitMs > 0) {
        lane.timer ??= setTimeout(() => {
          lane.timer = undefined;
          this.pump(lane);
        }, waitMs);
        break;
      }
      lane.waiting.shift();
      if (bytes === undefined) {
        this.end(lane);
        return;
      }
      lane.waitingBytes -= bytes.length;
      if (!this.pass(lane, bytes)) return;
    }
    this.watchRoom(lane);
  }

  /** Whether the connection is still there afterwards. */
  private pass(lane: Lane, bytes: Buffer): boolean {
    const sink = this.sinkOf(lane);
    if (lane.left === undefined || lane.left > bytes.length) {
      if (lane.left !== undefined) lane.left -= bytes.length;
      if (sink.writable) sink.write(bytes);
      return true;
    }
    if (sink.writable) sink.end(bytes.subarray(0, lane.left));
    this.sourceOf(lane)?.resetAndDestroy();
    return false;
  }

  private sinkOf(lane: Lane): Socket {
    if (lane === this.back) return this.near;
    if (this.far === undefined) {
      this.far = this.dial();
      this.follow(this.far, this.back);
    }
    return this.far;
  }

  private sourceOf(lane: Lane): Socket | undefined {
    return lane === this.there ? this.near : this.far;
  }

  private watchRoom(lane: Lane): void {
    const source = this.sourceOf(lane);
    const sink = lane === this.there ? this.far : this.near;
    const isFull = lane.waitingBytes + (sink?.writableLength ?? 0) > KEPT_BYTES_MAX;
    if (isFull) source?.pause();
    else if (source?.isPaused()) source.resume();
  }

  private end(lane: Lane): void {
    const sink = lane === this.there ? this.far : this.near;
    sink?.destroySoon();
    if (this.near.destroyed && this.far?.destroyed !== false) this.onEnd();
  }

  reset(): void {
    for (const lane of [this.there, this.back]) clearTimeout(lane.timer);
    this.near.resetAndDestroy();
    this.far?.resetAndDestroy();
    this.onEnd();
  }
}

function newLane(way: Way): Lane {
  return { way, waiting: [], waitingBytes: 0, timer: undefined, left: undefined };
}
