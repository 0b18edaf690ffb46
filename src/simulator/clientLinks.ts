import type { Random } from './random.ts';
import type { Surroundings } from './surroundings.ts';
import type { VirtualServer } from './virtualServer.ts';
import type { VirtualTransport } from './virtualTransport.ts';

/** Mean time between two faults while faults last, and how long those take that last. */
const INTERVAL_MEAN_US = 2_500_000;
const LASTING_MEAN_US = 800_000;

/** A client of the library as the faults of its connections see it. */
interface Linked {
  readonly endpoint: number;
  readonly transport: VirtualTransport;
}

/** Breaks what is between the clients of the library and the servers: single connections, and all that a client has to say to a server. */
export class ClientLinks {
  private readonly around: Surroundings;
  private readonly random: Random;
  private readonly clients: readonly Linked[];
  private readonly servers: readonly VirtualServer[];
  private isOver = false;

  constructor(around: Surroundings, clients: readonly Linked[], servers: readonly VirtualServer[]) {
    this.around = around;
    this.random = around.random.fork('client links');
    this.clients = clients;
    this.servers = servers;
  }

  start(): void {
    const { timeline, plan } = this.around;
    if (this.clients.length === 0) return;
    timeline.after(this.random.exponential(INTERVAL_MEAN_US / plan.pace), () => {
      if (this.isOver) return;
      this.strike(this.random.pick(this.clients));
      this.start();
    });
  }

  /** No more of it. What is half open stays so until its ends find out. */
  heal(): void {
    this.isOver = true;
  }

  private strike({ endpoint, transport }: Linked): void {
    const random = this.random;
    const { network } = this.around;
    const server = random.pick(this.servers).id;
    switch (random.int(3)) {
      case 0:
        this.breakCall(endpoint, transport);
        break;
      case 1: {
        const [there, back] = [random.chance(0.7), random.chance(0.7)];
        const pairs = [...(there ? [[endpoint, server]] : []), ...(back ? [[server, endpoint]] : [])];
        const kind = pairs.length === 2 ? 'symmetric partition' : 'one-way partition';
        this.for('link cut', endpoint, server, network.cut({ kind, pairs: pairs as [number, number][] }));
        break;
      }
      default: {
        const [from, to] = random.chance(0.5) ? [endpoint, server] : [server, endpoint];
        this.for('link clogged', endpoint, server, network.clog(from, to));
      }
    }
  }

  /** With requests and answers under way, if there are any. */
  private breakCall(endpoint: number, transport: VirtualTransport): void {
    const { census } = this.around;
    const calls = transport.openCalls;
    if (calls.length === 0) return;
    const call = this.random.pick(calls);
    const how = this.random.pick(['reset', 'server lost', 'client lost'] as const);
    this.note(`connection ${how}`, () => `of client ${endpoint}`);
    census.count(how === 'reset' ? 'client connection reset' : 'client connection half open');
    if (how === 'reset') call.reset();
    else if (how === 'server lost') call.loseServer();
    else call.loseClient();
  }

  private for(what: string, endpoint: number, server: number, mend: () => void): void {
    const { timeline, plan } = this.around;
    this.note(what, () => `client ${endpoint} and server ${server}`);
    timeline.after(this.random.exponential(LASTING_MEAN_US / plan.pace), () => {
      mend();
      if (!this.isOver) this.note(`${what} no more`, () => `client ${endpoint} and server ${server}`);
    });
  }

  private note(what: string, detail: () => string): void {
    this.around.trace.note('nemesis', what, detail);
  }
}
