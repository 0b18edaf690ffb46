import { setTimeout as pause } from 'node:timers/promises';
import { Books } from '../checker/books.ts';
import type { ClientSession } from '../client/clientSession.ts';
import type { RkvClient } from '../client/rkvClient.ts';
import type { Random } from '../simulator/random.ts';

const ACCOUNTS = 4;
const OPENING_BALANCE = 100;
const THINK_MEAN_MS = 15;

/** Money came from nowhere, or went there. */
export class BankError extends Error {
  override readonly name = 'BankError';
}

/** Moves money through the client library, and holds what it reads against its books. It never gives a request up. */
export class Teller {
  private readonly books: Books;
  private readonly client: RkvClient;
  private readonly random: Random;
  private session: ClientSession | undefined;

  constructor(name: number, client: RkvClient, random: Random) {
    this.books = new Books(String(name), ACCOUNTS, OPENING_BALANCE);
    this.client = client;
    this.random = random;
  }

  get transfers(): number {
    return this.books.transfers;
  }

  /** Opens the accounts and moves money until `until` fires. Nothing is under way when it resolves. */
  async run(until: AbortSignal): Promise<void> {
    this.session = await this.client.openSession(FOR_EVER);
    for (let account = 0; account < ACCOUNTS; account++) await this.write(account, OPENING_BALANCE);
    while (!until.aborted) {
      await this.transfer();
      await pause(this.random.exponential(THINK_MEAN_MS));
    }
  }

  private async transfer(): Promise<void> {
    const from = this.random.int(ACCOUNTS);
    const to = (from + 1 + this.random.int(ACCOUNTS - 1)) % ACCOUNTS;
    const held = await this.read(from);
    const amount = this.random.int(held + 1);
    await this.write(from, held - amount);
    await this.write(to, (await this.read(to)) + amount);
    this.books.transfers++;
  }

  /** Reads every account, and sums them up. */
  async audit(): Promise<void> {
    const held: number[] = [];
    for (let account = 0; account < ACCOUNTS; account++) held.push(await this.read(account));
    complainOf(this.books.wrongSum(held));
  }

  private async read(account: number): Promise<number> {
    const held = await this.client.lookup(this.books.key(account), FOR_EVER);
    complainOf(this.books.wrongBalance(account, held));
    return Number(held);
  }

  private async write(account: number, balance: number): Promise<void> {
    await this.session!.insert(this.books.key(account), String(balance), FOR_EVER);
    this.books.written(account, balance);
  }
}

/** A write that is given up may still be carried out later, over one that came after it. */
const FOR_EVER = { timeoutMs: Number.POSITIVE_INFINITY };

function complainOf(wrong: string | undefined): void {
  if (wrong !== undefined) throw new BankError(wrong);
}
