import { describe, expect, it } from 'vitest';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { KeyValueStore } from '../stateMachine/keyValueStore.ts';
import { PendingCommands } from './pendingCommands.ts';
import type { CommandSink } from './replica.ts';

/** Remembers what became of each tag. */
class Sink implements CommandSink {
  readonly outcomes: string[] = [];
  commandDone(tag: number, { status }: { readonly status: string }): void {
    this.outcomes.push(`${tag} ${status}`);
  }
  lookupDone(tag: number, { status }: { readonly status: string }): void {
    this.outcomes.push(`${tag} ${status}`);
  }
}

const passAll = () => undefined;
const COMMAND = new Uint8Array(0);
const OK = { status: 'ok', clientId: 0 } as const;
const entry = (index: number, term = 1) => new Entry(index, term, EntryType.Normal, COMMAND);

function accepted(tags: readonly number[], firstIndex: number) {
  const pending = new PendingCommands();
  const sink = new Sink();
  for (const tag of tags) pending.addCommand(COMMAND, sink, tag);
  const { token } = pending.takeCommands(100, 1000, 0, passAll)!;
  pending.accept({ token, offset: 0, count: tags.length, firstIndex, term: 1 });
  return { pending, sink };
}

describe('PendingCommands', () => {
  it('answers each command as its entry is applied, and says of a replaced one that it was not done', () => {
    const { pending, sink } = accepted([7, 8], 5);
    pending.applied(entry(4), OK);
    pending.applied(entry(5), OK);
    pending.applied(entry(6, 2), OK);
    expect(sink.outcomes).toEqual(['7 ok', '8 not-leader']);
    expect(pending.size).toBe(0);
  });

  it('commands whose entries a snapshot replaced were forgotten, never answered and counted as open for good', () => {
    const { pending, sink } = accepted([7, 8], 5);
    pending.applied(entry(5), OK);
    pending.applied(entry(9), OK);
    expect(sink.outcomes).toEqual(['7 ok', '8 unknown']);
    expect(pending.size).toBe(0);
  });

  it('lookups were taken without bound where no quorum confirmed them', () => {
    const pending = new PendingCommands();
    const sink = new Sink();
    for (let tag = 0; tag < 5; tag++) pending.addLookup('k', sink, tag);
    expect(pending.takeLookups(3, 1000, 2)).toBeDefined();
    expect(sink.outcomes).toEqual(['4 overloaded', '3 overloaded']);
    pending.addLookup('k', sink, 5);
    expect(pending.takeLookups(3, 1000, 2)).toBeUndefined();
    expect(sink.outcomes[2]).toBe('5 overloaded');
    expect(pending.size).toBe(3);
  });

  it('a few commands of many megabytes were queued like as many small ones', () => {
    const pending = new PendingCommands();
    const sink = new Sink();
    for (let tag = 0; tag < 5; tag++) pending.addCommand(new Uint8Array(100), sink, tag);
    pending.addLookup('k'.repeat(100), sink, 5);
    const { token, commands } = pending.takeCommands(100, 400, 0, passAll)!;
    expect(commands).toHaveLength(3);
    expect(pending.takeLookups(100, 399, 0)).toBeUndefined();
    expect(sink.outcomes).toEqual(['4 overloaded', '3 overloaded', '5 overloaded']);
    expect(pending.bytes).toBe(300);
    pending.accept({ token, offset: 0, count: 2, firstIndex: 5, term: 1 });
    pending.reject(
      { token, offset: 2, count: 1, reason: 'not-leader', leader: 0 },
      { status: 'not-leader', leader: 0 },
    );
    expect(pending.bytes).toBe(200);
    pending.applied(entry(5), OK);
    pending.applied(entry(6), OK);
    expect(pending.bytes).toBe(0);
  });

  it('counts nothing of what was lost', () => {
    const pending = new PendingCommands();
    const sink = new Sink();
    const add = () => pending.addCommand(new Uint8Array(100), sink, 0);
    add();
    add();
    const { token } = pending.takeCommands(100, 1000, 0, passAll)!;
    pending.accept({ token, offset: 0, count: 1, firstIndex: 5, term: 1 });
    add();
    pending.addLookup('key', sink, 0);
    pending.takeLookups(100, 1000, 0);
    pending.addLookup('key', sink, 0);
    expect(pending.bytes).toBe(306);
    pending.loseAll(0);
    expect([pending.bytes, pending.size]).toEqual([0, 0]);
  });

  it('answers a confirmed lookup once its index is applied', () => {
    const pending = new PendingCommands();
    const sink = new Sink();
    pending.addLookup('k', sink, 1);
    pending.readConfirmed(pending.takeLookups(9, 1000, 0)!, 4);
    pending.answerLookups(3, new KeyValueStore());
    expect(sink.outcomes).toEqual([]);
    pending.answerLookups(4, new KeyValueStore());
    expect(sink.outcomes).toEqual(['1 ok']);
  });
});
