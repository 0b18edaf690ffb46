import { type Entry, EntryType } from '../../consensus/entry.ts';
import { CommandType, decodeCommand } from '../../wire/command.ts';
import { ROOT_ID } from './logMirror.ts';

/** What a committed entry does to the keys, by the simulator's own reckoning. */
export interface Effect {
  /** undefined where the entry writes no key. */
  readonly key: string | undefined;
  /** The key's value once the entry is applied. */
  readonly valueAfter: string | undefined;
  /** The entry repeats a command that was applied before. */
  readonly isDuplicate: boolean;
}

interface Version {
  readonly index: number;
  readonly value: string;
}

const NO_EFFECT: Effect = { key: undefined, valueAfter: undefined, isDuplicate: false };

/**
 * The one log that all servers agree on, as it came to be, and a plain reckoning of what it means: each session's
 * numbers in a set, each key's values in a list. The production state machine is held against it.
 */
export class CommittedLog {
  private readonly ids: number[] = [ROOT_ID];
  private readonly terms: number[] = [0];
  /** The term of the server that first reported the entry committed: never below the term in which it was committed. */
  private readonly commitTerms: number[] = [0];
  private readonly effects: Effect[] = [NO_EFFECT];
  private readonly versions = new Map<string, Version[]>();
  private readonly sessions = new Map<number, Map<number, number>>();
  /** Per index, how many sessions were registered up to it. */
  private readonly sessionCounts: number[] = [0];
  /** Commands that came more than once. */
  duplicates = 0;

  get length(): number {
    return this.ids.length - 1;
  }

  get keys(): Iterable<string> {
    return this.versions.keys();
  }

  id(index: number): number | undefined {
    return this.ids[index];
  }

  term(index: number): number | undefined {
    return this.terms[index];
  }

  effect(index: number): Effect {
    return this.effects[index]!;
  }

  sessionCount(index: number): number {
    return this.sessionCounts[index]!;
  }

  /** The last index that was committed, for all we know, in a term below `term`. */
  lastBefore(term: number): number {
    let index = this.length;
    while (index > 0 && this.commitTerms[index]! >= term) index--;
    return index;
  }

  /** The index at which a session's command was applied. */
  appliedAt(clientId: number, clientSeq: number): number | undefined {
    return this.sessions.get(clientId)?.get(clientSeq);
  }

  hasSession(clientId: number): boolean {
    return this.sessions.has(clientId);
  }

  valueAt(key: string, index: number): string | undefined {
    const versions = this.versions.get(key) ?? [];
    for (let i = versions.length - 1; i >= 0; i--) if (versions[i]!.index <= index) return versions[i]!.value;
    return undefined;
  }

  append(entry: Entry, id: number, commitTerm: number): void {
    this.ids.push(id);
    this.terms.push(entry.term);
    this.commitTerms.push(commitTerm);
    this.effects.push(entry.type === EntryType.Normal ? this.reckon(entry) : NO_EFFECT);
    this.sessionCounts.push(this.sessions.size);
  }

  private reckon(entry: Entry): Effect {
    const command = decodeCommand(entry.data);
    if (command.type === CommandType.Register) this.sessions.set(entry.index, new Map());
    if (command.type !== CommandType.Insert) return NO_EFFECT;
    const { clientId, clientSeq, key, value } = command;
    const session = this.sessions.get(clientId);
    if (session === undefined) return NO_EFFECT;
    if (session.has(clientSeq)) {
      this.duplicates++;
      return { key, valueAfter: this.valueAt(key, entry.index), isDuplicate: true };
    }
    session.set(clientSeq, entry.index);
    const versions = this.versions.get(key);
    const version = { index: entry.index, value };
    if (versions === undefined) this.versions.set(key, [version]);
    else versions.push(version);
    return { key, valueAfter: value, isDuplicate: false };
  }
}
