import { Books } from '../checker/books.ts';
import { ClientSession } from '../client/clientSession.ts';
import type { LeaderChannel } from '../client/leaderChannel.ts';
import type { CommandResult } from '../client/pendingCommand.ts';
import { CommandType, encodeCommand, REGISTER_BYTES } from '../wire/command.ts';
import type { Random } from './random.ts';
import type { Surroundings } from './surroundings.ts';
import { InvariantViolation } from './violation.ts';
import type { VirtualServer } from './virtualServer.ts';
import { VirtualTransport, virtualChannel } from './virtualTransport.ts';

const ACCOUNTS = 3;
const OPENING_BALANCE = 100;

/**
 * A client of the production library that counts: it moves money between accounts of its own, one request after the other and none
 * ever given up, and sums up in the end. What it reads must be what its books say.
 */
export class VirtualTeller {
  finished = 0;
  inFlight = 0;
  readonly endpoint: number;
  readonly transport: VirtualTransport;
  private readonly around: Surroundings;
  private readonly random: Random;
  private readonly channel: LeaderChannel;
  private readonly books: Books;
  private session: ClientSession | undefined;
  private isIdle = false;

  constructor(endpoint: number, around: Surroundings, servers: readonly VirtualServer[]) {
    this.endpoint = endpoint;
    this.around = around;
    this.random = around.random.fork('teller');
    this.books = new Books(String(endpoint), ACCOUNTS, OPENING_BALANCE);
    this.transport = new VirtualTransport(around, endpoint, servers, this.random.fork('library'));
    this.channel = virtualChannel(around, this.transport, servers);
  }

  /** It never gives up, so all that it has finished succeeded. */
  get succeeded(): number {
    return this.finished;
  }

  bePatient(): void {}

  /** Begins nothing more; what it has under way is then over once it has summed up. */
  rest(): void {
    this.isIdle = true;
  }

  start(): void {
    const opened = ({ clientId }: CommandResult) => {
      this.session = new ClientSession(clientId, this.channel, {});
      this.open(0);
    };
    this.channel.submit(REGISTER_BYTES, this.listener('registers', opened), 0, FOR_EVER_MS);
  }

  private open(account: number): void {
    if (account === ACCOUNTS) this.think();
    else this.write(account, OPENING_BALANCE, () => this.open(account + 1));
  }

  private think(): void {
    this.around.timeline.after(this.random.exponential(this.around.plan.clients.thinkMeanUs), () => {
      if (this.isIdle) this.sumUp([]);
      else this.transfer();
    });
    // Between two transfers too it has the sum to find, in the end.
    this.inFlight = 1;
  }

  private transfer(): void {
    const from = this.random.int(ACCOUNTS);
    const to = (from + 1 + this.random.int(ACCOUNTS - 1)) % ACCOUNTS;
    this.read(from, (held) => {
      const amount = this.random.int(held + 1);
      this.write(from, held - amount, () =>
        this.read(to, (before) =>
          this.write(to, before + amount, () => {
            this.books.transfers++;
            this.note('transfer', () => `${amount} from ${from} to ${to}`);
            this.think();
          }),
        ),
      );
    });
  }

  private sumUp(held: readonly number[]): void {
    if (held.length < ACCOUNTS) {
      this.read(held.length, (balance) => this.sumUp([...held, balance]));
      return;
    }
    this.complain(this.books.wrongSum(held));
    this.note('sum', () => `${held.join(' + ')} after ${this.books.transfers} transfers`);
    this.inFlight = 0;
  }

  private read(account: number, then: (held: number) => void): void {
    const key = this.books.key(account);
    const listener = this.listener(`reads ${key}`, ({ value }) => {
      this.complain(this.books.wrongBalance(account, value));
      this.finished++;
      then(Number(value));
    });
    this.channel.submit(encodeCommand({ type: CommandType.Lookup, key }), listener, 0, FOR_EVER_MS);
  }

  private write(account: number, balance: number, then: () => void): void {
    const key = this.books.key(account);
    const listener = this.listener(`writes ${key} ${balance}`, () => {
      this.books.written(account, balance);
      this.finished++;
      then();
    });
    this.session!.submitInsert(Buffer.from(key), Buffer.from(String(balance)), listener, 0, FOR_EVER_MS);
  }

  private listener(what: string, then: (result: CommandResult) => void) {
    this.inFlight = 1;
    return {
      commandDone: (_tag: number, result: CommandResult) => {
        if (result.status === 'ok') {
          then(result);
          return;
        }
        const detail = `teller ${this.endpoint} ${what} and is answered ${result.status}: ${result.detail}`;
        throw new InvariantViolation('acknowledged write', detail);
      },
    };
  }

  private complain(wrong: string | undefined): void {
    if (wrong !== undefined) throw new InvariantViolation('constant sum', wrong);
  }

  private note(what: string, detail: () => string): void {
    this.around.trace.note(`client ${this.endpoint}`, what, detail);
  }
}

/** A write that is given up may still be carried out later, over one that came after it. */
const FOR_EVER_MS = Number.POSITIVE_INFINITY;
