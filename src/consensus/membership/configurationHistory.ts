import { type Configuration, type EngineInit, simpleConfiguration } from '../contract.ts';
import type { Entry } from '../entry.ts';

/** Decodes one membership entry into the configuration that it makes of the one before it. */
export type ApplyChange = (before: Configuration, entry: Entry) => Configuration;

interface Step {
  readonly index: number;
  readonly configuration: Configuration;
}

/**
 * Which configuration is in force from which entry on. Engines that use the latest one in their log, whether or not it is committed
 * (Raft §6; thesis §4.1), append what the log gets, and truncation rolls back; where a change takes effect when it is applied,
 * what is applied is appended. A snapshot replaces the past.
 */
export class ConfigurationHistory {
  private readonly applyChange: ApplyChange;
  private steps: Step[];

  constructor(baseIndex: number, base: Configuration, entries: readonly Entry[], applyChange: ApplyChange) {
    this.applyChange = applyChange;
    this.steps = [{ index: baseIndex, configuration: base }];
    for (const entry of entries) if (entry.index > baseIndex) this.append(entry);
  }

  /** Of a server that starts: what storage holds, or the bootstrap configuration where it is new; then what the log says. */
  static stored(
    { log, bootstrap }: Pick<EngineInit, 'log' | 'bootstrap'>,
    applyChange: ApplyChange,
  ): ConfigurationHistory {
    const snapshot = log.snapshot();
    const base = snapshot?.configuration ?? simpleConfiguration(bootstrap);
    return new ConfigurationHistory(snapshot?.index ?? 0, base, log.configurationEntries(), applyChange);
  }

  /** In force now. */
  get latest(): Configuration {
    return this.steps[this.steps.length - 1]!.configuration;
  }

  /** Index of the entry that brought the latest configuration; the base's index where none did. */
  get latestIndex(): number {
    return this.steps[this.steps.length - 1]!.index;
  }

  /** In force before the latest change; undefined where the log holds none. */
  get previous(): Configuration | undefined {
    return this.steps[this.steps.length - 2]?.configuration;
  }

  at(index: number): Configuration {
    let found = this.steps[0]!;
    for (const step of this.steps) if (step.index <= index) found = step;
    return found.configuration;
  }

  append(entry: Entry): void {
    this.steps.push({ index: entry.index, configuration: this.applyChange(this.latest, entry) });
  }

  /** Forgets the changes at `from` and after it: all but the one that it began with, for somebody is always in force. */
  truncate(from: number): void {
    this.steps = this.steps.filter((step, position) => position === 0 || step.index < from);
  }

  restore(index: number, configuration: Configuration): void {
    this.steps = [{ index, configuration }];
  }

  /** The log below `index` may be gone: keeps only what is in force from there on. */
  compact(index: number): void {
    const later = this.steps.filter((step) => step.index > index);
    this.steps = [{ index, configuration: this.at(index) }, ...later];
  }
}
