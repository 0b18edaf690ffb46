import { describe, expect, it } from 'vitest';
import { EMPTY_HARD_STATE, simpleConfiguration } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { MemoryContent } from '../snapshotContent.ts';
import { MemoryLog } from '../testing/memoryLog.ts';
import { Message, MessageType } from './messages.ts';
import { Persistence } from './persistence.ts';

const entry = (index: number, term = 1) => new Entry(index, term, EntryType.Normal, new Uint8Array(0));

describe('persistence', () => {
  const response = () => new Message(MessageType.AppendResp, 1);

  it('makes one batch of a drain, and gives responses back when it is durable', () => {
    const log = new MemoryLog();
    const persistence = new Persistence(log, EMPTY_HARD_STATE);
    persistence.write(undefined, [entry(1), entry(2)], { term: 1, vote: 1, commit: 0 });
    persistence.write(undefined, [entry(2, 2), entry(3, 2)], undefined);
    const owed = response();
    persistence.owe([owed]);
    expect(persistence.takeDue()).toEqual([]);
    const batch = persistence.take()!;
    expect(batch).toMatchObject({ mark: 1, hardState: { term: 1, vote: 1, commit: 0 }, mustSync: true });
    expect(batch.entries.map(({ index, term }) => [index, term])).toEqual([
      [1, 1],
      [2, 2],
      [3, 2],
    ]);
    expect(batch.truncateFrom).toBeUndefined();
    expect(persistence.take()).toBeUndefined();
    expect(persistence.durable(1)).toEqual([owed]);
    expect(persistence.durable(1)).toEqual([]);
  });

  it('truncates only what storage holds', () => {
    const log = new MemoryLog();
    log.persist({ mark: 1, entries: [entry(1), entry(2), entry(3)], mustSync: true });
    const persistence = new Persistence(log, EMPTY_HARD_STATE);
    persistence.write(undefined, [entry(4)], undefined);
    expect(persistence.take()!.truncateFrom).toBeUndefined();
    persistence.write(undefined, [entry(3, 2)], undefined);
    persistence.write(undefined, [entry(2, 3)], undefined);
    expect(persistence.take()).toMatchObject({ truncateFrom: 2, entries: [{ index: 2, term: 3 }] });
    const [overwriting, last] = [new Persistence(log, EMPTY_HARD_STATE), new Persistence(log, EMPTY_HARD_STATE)];
    overwriting.write(undefined, [entry(2, 2)], undefined);
    overwriting.write(undefined, [entry(3, 2)], undefined);
    expect(overwriting.take()).toMatchObject({ truncateFrom: 2, entries: [{ index: 2 }, { index: 3 }] });
    last.write(undefined, [entry(3, 2)], undefined);
    expect(last.take()).toMatchObject({ truncateFrom: 3, entries: [{ index: 3 }] });
    log.persist({ mark: 2, truncateFrom: 2, entries: [entry(2, 3)], mustSync: true });
    persistence.write(undefined, [entry(3, 3)], undefined);
    expect(persistence.take()).toMatchObject({ truncateFrom: undefined, entries: [{ index: 3 }] });
  });

  it('lets a snapshot take the place of what was to be written before', () => {
    const log = new MemoryLog();
    log.persist({ mark: 1, entries: [entry(1), entry(2)], mustSync: true });
    const persistence = new Persistence(log, EMPTY_HARD_STATE);
    const snapshot = {
      index: 9,
      term: 2,
      configuration: simpleConfiguration([1]),
      content: new MemoryContent(new Uint8Array(0)),
    };
    persistence.write(undefined, [entry(2, 2)], undefined);
    persistence.write(snapshot, [entry(10, 2)], undefined);
    expect(persistence.take()).toMatchObject({ snapshot, truncateFrom: undefined, entries: [{ index: 10 }] });
    const behind = new Persistence(log, EMPTY_HARD_STATE);
    behind.write({ ...snapshot, index: 1 }, [entry(2, 2)], undefined);
    expect(behind.take()).toMatchObject({ truncateFrom: undefined, entries: [{ index: 2 }] });
    // Once.
    persistence.write(undefined, [entry(11, 2)], undefined);
    expect(persistence.take()).toMatchObject({ snapshot: undefined, entries: [{ index: 11 }] });
  });

  it('writes a term and a vote once, each by itself', () => {
    const persistence = new Persistence(new MemoryLog(), EMPTY_HARD_STATE);
    persistence.write(undefined, [], { term: 1, vote: 0, commit: 0 });
    expect(persistence.take()).toMatchObject({ hardState: { term: 1, vote: 0 } });
    persistence.write(undefined, [], { term: 1, vote: 2, commit: 0 });
    expect(persistence.take()).toMatchObject({ hardState: { term: 1, vote: 2 } });
    persistence.write(undefined, [], { term: 1, vote: 2, commit: 0 });
    expect(persistence.take()).toBeUndefined();
    persistence.write(undefined, [entry(1)], undefined);
    expect(persistence.take()).toMatchObject({ hardState: undefined });
  });

  it('writes a commit index only along with something else', () => {
    const persistence = new Persistence(new MemoryLog(), EMPTY_HARD_STATE);
    persistence.write(undefined, [], { term: 0, vote: 0, commit: 7 });
    expect(persistence.take()).toBeUndefined();
    persistence.write(undefined, [entry(8)], undefined);
    expect(persistence.take()!.hardState).toMatchObject({ commit: 7 });
  });

  it('keeps it for a change of the members until the batch with it is durable', () => {
    const persistence = new Persistence(new MemoryLog(), { term: 1, vote: 0, commit: 4 });
    persistence.changeApplied(4);
    expect([persistence.openChange, persistence.take()]).toEqual([0, undefined]);
    persistence.write(undefined, [entry(7)], undefined);
    expect(persistence.take()).toMatchObject({ mark: 1, hardState: undefined });
    persistence.changeApplied(5);
    persistence.changeApplied(6);
    expect(persistence.openChange).toBe(5);
    persistence.durable(1);
    expect(persistence.openChange).toBe(5);
    expect(persistence.take()).toMatchObject({ mark: 2, hardState: { term: 1, commit: 6 }, entries: [] });
    persistence.durable(2);
    expect(persistence.openChange).toBe(0);
  });

  it('never takes a commit index back', () => {
    const persistence = new Persistence(new MemoryLog(), EMPTY_HARD_STATE);
    persistence.write(undefined, [], { term: 1, vote: 0, commit: 7 });
    persistence.changeApplied(5);
    persistence.write(undefined, [], { term: 2, vote: 0, commit: 6 });
    expect(persistence.take()).toMatchObject({ hardState: { term: 2, commit: 7 } });
  });

  it('believes nobody of what it did not hand over yet', () => {
    const persistence = new Persistence(new MemoryLog(), EMPTY_HARD_STATE);
    persistence.durable(9);
    persistence.write(undefined, [entry(1)], undefined);
    persistence.take();
    expect(persistence.idle).toBe(false);
    persistence.durable(1);
    persistence.durable(0);
    expect(persistence.idle).toBe(true);
  });

  it('gives a response back at once where nothing is on its way, and otherwise in order', () => {
    const persistence = new Persistence(new MemoryLog(), EMPTY_HARD_STATE);
    const [a, b, c] = [response(), response(), response()];
    persistence.owe([a]);
    expect(persistence.takeDue()).toEqual([a]);
    persistence.write(undefined, [entry(1)], undefined);
    persistence.owe([b]);
    persistence.take();
    persistence.owe([c]);
    expect(persistence.takeDue()).toEqual([]);
    persistence.take();
    expect(persistence.durable(1)).toEqual([b, c]);
  });
});
