import { setTimeout as pause } from 'node:timers/promises';
import type { ClientSession } from '../client/clientSession.ts';
import type { RkvClient } from '../client/rkvClient.ts';
import type { Random } from '../simulator/random.ts';

/** Accounts of one teller. */
const ACCOUNTS = 4;
const OPENING_BALANCE = 100;
const THINK_MEAN_MS = 15;

/** Money came from nowhere, or went there. */
export class BankError extends Error {
  override readonly name = 'BankError';
}

/**
 * A teller moves money between accounts that nobody else touches, one write after the other, never giving one up: so each account
 * holds what was written last, and all of them together always what they began with. A write that is carried out twice, or late,
 * or that is lost after its acknowledgement, shows in the sum.
 */
export class Teller {
  transfers = 0;
  private readonly name: number;
  private readonly client: RkvClient;
  private readonly random: Random;
  private readonly balances: number[] = new Array(ACCOUNTS).fill(0);
  private session: ClientSession | undefined;

  constructor(name: number, client: RkvClient, random: Random) {
    this.name = name;
    this.client = client;
    this.random = random;
  }

  /** Opens the accounts and moves money until `until` fires. Nothing is under way when it resolves. */
  async run(until: AbortSignal): Promise<void> {
    this.session = await this.client.openSession(FOR_EVER);
    for (let account = 0; account < ACCOUNTS; account++) await this.set(account, OPENING_BALANCE);
    while (!until.aborted) {
      await this.transfer();
      await pause(this.random.exponential(THINK_MEAN_MS));
    }
  }

  private async transfer(): Promise<void> {
    const [from, to] = this.random.shuffled(this.balances.map((_, account) => account)) as [number, number];
    const held = await this.read(from);
    const amount = this.random.int(held + 1);
    await this.set(from, held - amount);
    await this.set(to, (await this.read(to)) + amount);
    this.transfers++;
  }

  /** Every account, and the sum of all. */
  async audit(): Promise<void> {
    let sum = 0;
    for (let account = 0; account < ACCOUNTS; account++) sum += await this.read(account);
    const expected = ACCOUNTS * OPENING_BALANCE;
    if (sum !== expected) throw new BankError(`the accounts of teller ${this.name} hold ${sum}, expected ${expected}`);
  }

  private async read(account: number): Promise<number> {
    const balance = Number(await this.client.lookup(this.key(account), FOR_EVER));
    const written = this.balances[account]!;
    if (balance === written) return balance;
    throw new BankError(`account ${this.key(account)} holds ${balance}, where ${written} was written last`);
  }

  private async set(account: number, balance: number): Promise<void> {
    await this.session!.insert(this.key(account), String(balance), FOR_EVER);
    this.balances[account] = balance;
  }

  private key(account: number): string {
    return `bank/${this.name}/${account}`;
  }
}

/** A write that is given up may still be carried out later, over one that came after it. */
const FOR_EVER = { timeoutMs: Number.POSITIVE_INFINITY };
