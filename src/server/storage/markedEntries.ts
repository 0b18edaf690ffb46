import { type Entry, EntryType, isConfigurationType } from '../../consensus/entry.ts';
import { mayBeFence } from '../../wire/fence.ts';

/** Whether a store must find the entry again without reading the others: it counts from where it stands in the log. */
export function isMarked(entry: Entry): boolean {
  return entry.type === EntryType.Normal ? mayBeFence(entry.data) : isConfigurationType(entry.type);
}

/** The marked entries of a log. Each list stays the same array until it changes. */
export class MarkedEntries {
  configurations: readonly Entry[] = [];
  fences: readonly Entry[] = [];

  append(marked: readonly Entry[]): void {
    const fences = marked.filter((entry) => entry.type === EntryType.Normal);
    const configurations = marked.filter((entry) => entry.type !== EntryType.Normal);
    if (fences.length > 0) this.fences = [...this.fences, ...fences];
    if (configurations.length > 0) this.configurations = [...this.configurations, ...configurations];
  }

  truncateFrom(index: number): void {
    this.configurations = before(this.configurations, index);
    this.fences = before(this.fences, index);
  }

  dropUpTo(base: number): void {
    this.configurations = after(this.configurations, base);
    this.fences = after(this.fences, base);
  }

  clear(): void {
    this.configurations = [];
    this.fences = [];
  }
}

function before(entries: readonly Entry[], index: number): readonly Entry[] {
  return (entries[entries.length - 1]?.index ?? 0) < index ? entries : entries.filter((entry) => entry.index < index);
}

function after(entries: readonly Entry[], base: number): readonly Entry[] {
  return (entries[0]?.index ?? Number.POSITIVE_INFINITY) > base
    ? entries
    : entries.filter((entry) => entry.index > base);
}
