import type { Configuration } from '../contract.ts';

/** A configuration and the index of the entry that brought it; 0 for the bootstrap configuration. */
export interface IndexedConfiguration {
  readonly index: number;
  readonly configuration: Configuration;
}

/**
 * The configurations that the log holds. A server uses the **latest** from the moment it is appended (Raft §6, thesis §4.1),
 * whether committed or not; the **committed** one is what it falls back to where the log is truncated.
 */
export class ConfigurationHistory {
  /** Ascending by index, never empty. The first is the base: a snapshot's, or the bootstrap configuration. */
  private known: IndexedConfiguration[];

  constructor(base: IndexedConfiguration) {
    this.known = [base];
  }

  get latest(): IndexedConfiguration {
    return this.known[this.known.length - 1]!;
  }

  append(index: number, configuration: Configuration): void {
    this.known.push({ index, configuration });
  }

  /** The log was cut from `index` on. The base stays: it is committed, and committed entries are never cut. */
  truncateFrom(index: number): void {
    while (this.known.length > 1 && this.latest.index >= index) this.known.pop();
  }

  /** The configuration as of a committed or applied index. */
  at(index: number): IndexedConfiguration {
    for (let i = this.known.length - 1; i > 0; i--) {
      if (this.known[i]!.index <= index) return this.known[i]!;
    }
    return this.known[0]!;
  }

  /** The configurations that entries in (`after`, `upTo`] brought, ascending. */
  between(after: number, upTo: number): IndexedConfiguration[] {
    if (this.latest.index <= after) return [];
    return this.known.filter(({ index }) => index > after && index <= upTo);
  }

  /** A snapshot took the log's place. */
  restart(base: IndexedConfiguration): void {
    this.known = [base];
  }

  /** A snapshot of `index` is stored: what was superseded before it is not asked for again. */
  forgetBefore(index: number): void {
    const base = this.at(index);
    this.known = this.known.filter((one) => one.index >= base.index);
  }
}
