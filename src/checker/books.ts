/**
 * An application that counts: the books of a teller, who moves money between accounts that nobody else writes, one write after the
 * other. Each account then holds what was written last, and all of them together what they began with. A write that is carried out
 * twice, or late, or is lost after its acknowledgement shows here, whoever else reads or writes what.
 */
export class Books {
  /** Moved from one account to another, and both written. */
  transfers = 0;
  readonly name: string;
  readonly opening: number;
  private readonly balances: number[];

  constructor(name: string, accounts: number, opening: number) {
    this.name = name;
    this.opening = opening;
    this.balances = new Array(accounts).fill(0);
  }

  get accounts(): number {
    return this.balances.length;
  }

  key(account: number): string {
    return `bank/${this.name}/${account}`;
  }

  balance(account: number): number {
    return this.balances[account]!;
  }

  /** The account's new balance is acknowledged. */
  written(account: number, balance: number): void {
    this.balances[account] = balance;
  }

  /** What is wrong with what an account was read to hold; undefined where it is what was written last. */
  wrongBalance(account: number, held: string | undefined): string | undefined {
    const balance = this.balance(account);
    if (held === String(balance)) return undefined;
    return `account ${this.key(account)} holds ${held ?? 'nothing'}, where ${balance} was written last`;
  }

  /** What is wrong with all accounts together, between transfers. */
  wrongSum(held: readonly number[]): string | undefined {
    const sum = held.reduce((total, each) => total + each, 0);
    const expected = this.accounts * this.opening;
    return sum === expected ? undefined : `the accounts of teller ${this.name} hold ${sum}, expected ${expected}`;
  }
}
