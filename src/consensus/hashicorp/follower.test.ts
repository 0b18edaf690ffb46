import { describe, expect, it } from 'vitest';
import { Role, simpleConfiguration } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { LifeEvents } from '../parts/lifeEvents.ts';
import { contentBytes } from '../snapshotContent.ts';
import { encodeConfiguration } from './membership.ts';
import type { SnapshotChunk } from './messages.ts';
import { append, command, logOf, OneServer, sent } from './testing/oneServer.ts';

const HEARTBEAT = { type: 'heartbeat', term: 1, round: 7 } as const;

function acknowledged(output: ReturnType<OneServer['drain']>) {
  return output.messagesAfterPersist.map(({ message }) => message);
}

describe('AppendEntries (Raft figure 2, receiver)', () => {
  it('is acknowledged when it is on disk', () => {
    const server = new OneServer();
    const output = server.receive(2, append({ seq: 5, entries: [command(1, 1), command(2, 1)] }));
    expect(output.messages).toEqual([]);
    expect(acknowledged(output)).toEqual([{ type: 'append-reply', term: 1, seq: 5, ok: true, index: 2 }]);
    expect(output.persist?.entries.map(({ index }) => index)).toEqual([1, 2]);
  });

  it('of one turn share an acknowledgement', () => {
    const server = new OneServer();
    server.engine.receive(2, append({ seq: 1, entries: [command(1, 1)] }));
    server.engine.receive(2, append({ seq: 2, prevIndex: 1, prevTerm: 1, entries: [command(2, 1)] }));
    expect(acknowledged(server.drain())).toEqual([{ type: 'append-reply', term: 1, seq: 2, ok: true, index: 2 }]);
  });

  it('of one turn share an acknowledgement of the latest and the last, in whatever order they came', () => {
    const server = new OneServer();
    const entries = [command(1, 1), command(2, 1), command(3, 1)];
    server.engine.receive(2, append({ seq: 2, entries }));
    server.engine.receive(2, append({ seq: 1, entries: entries.slice(0, 1) }));
    expect(acknowledged(server.drain())).toEqual([{ type: 'append-reply', term: 1, seq: 2, ok: true, index: 3 }]);
  });

  it('of an earlier term is not acknowledged in a turn that brought a later one, also of the same leader', () => {
    for (const from of [2, 3]) {
      const server = new OneServer();
      server.engine.receive(2, append({ seq: 9, entries: [command(1, 1), command(2, 1)] }));
      server.engine.receive(from, append({ term: 2, seq: 1, entries: [command(1, 2)] }));
      const output = server.drain();
      const reply = { type: 'append-reply', term: 2, seq: 1, ok: true, index: 1 };
      expect(output.messagesAfterPersist).toEqual([{ to: from, message: reply }]);
    }
  });

  it('of another leader in the same term is not believed: there cannot be one', () => {
    const server = new OneServer();
    server.receive(2, append({ entries: [command(1, 1)] }));
    const output = server.receive(3, append({ prevIndex: 1, prevTerm: 1, entries: [command(2, 1)] }));
    expect([...output.messages, ...output.messagesAfterPersist]).toEqual([]);
    expect(server.engine.status()).toMatchObject({ leader: 2, lastIndex: 1 });
  });

  it('of an older term is refused with the newer one', () => {
    const server = new OneServer({ log: logOf(3) });
    const output = server.receive(2, append({ term: 2 }));
    expect(sent(output, 'append-reply')).toEqual([{ type: 'append-reply', term: 3, seq: 1, ok: false, index: 0 }]);
    expect(server.engine.status().leader).toBe(0);
  });

  it('is refused where the entry before it is missing: the hint is the end of the log (§5.3)', () => {
    const server = new OneServer({ log: logOf(1, 1) });
    const output = server.receive(2, append({ prevIndex: 9, prevTerm: 1 }));
    expect(sent(output, 'append-reply')).toEqual([{ type: 'append-reply', term: 1, seq: 1, ok: false, index: 2 }]);
  });

  it('is refused where another entry stands before it: the hint leaps over its term (§5.3)', () => {
    const server = new OneServer({ log: logOf(1, 1, 2, 2, 2) });
    const output = server.receive(2, append({ term: 3, prevIndex: 5, prevTerm: 3 }));
    expect(acknowledged(output)).toMatchObject([{ ok: false, index: 2 }]);
  });

  it('removes a conflicting entry and all after it, and nothing that agrees (§5.3)', () => {
    const server = new OneServer({ log: logOf(1, 1, 2, 2) });
    const output = server.receive(2, append({ term: 3, entries: [command(1, 1), command(2, 1), command(3, 3)] }));
    expect(output.persist).toMatchObject({ truncateFrom: 3, entries: [{ index: 3, term: 3 }] });
    const late = server.receive(2, append({ term: 3, entries: [command(1, 1)] }));
    expect(late.persist).toBeUndefined();
    expect(server.engine.status().lastIndex).toBe(3);
  });

  it('is acknowledged up to its last entry, whatever stands after that', () => {
    const server = new OneServer({ log: logOf(1, 1, 1, 1) });
    server.receive(2, append({ term: 2, prevIndex: 1, prevTerm: 1, entries: [command(2, 1)] }));
    const { messagesAfterPersist } = server.receive(2, append({ term: 2, prevIndex: 2, prevTerm: 1 }));
    expect([...messagesAfterPersist].map(({ message }) => message)).toMatchObject([{ ok: true, index: 2 }]);
    expect(server.log.lastIndex).toBe(4);
  });

  it('commits no further than the last entry that it showed to match', () => {
    const server = new OneServer({ log: logOf(1, 1, 1) });
    server.receive(2, append({ term: 2, prevIndex: 1, prevTerm: 1, commit: 3 }));
    expect(server.engine.status().commitIndex).toBe(1);
  });

  it('never replaces a committed entry, whoever says so', () => {
    const server = new OneServer({ log: logOf(1, 1) });
    server.receive(2, append({ prevIndex: 2, prevTerm: 1, commit: 2 }));
    const output = server.receive(2, append({ term: 2, entries: [command(1, 2)] }));
    expect([...output.messages, ...output.messagesAfterPersist]).toEqual([]);
    expect(server.log.term(1)).toBe(1);
  });

  it('with entries that no leader sends is dropped', () => {
    const server = new OneServer();
    const gap = [command(2, 1)];
    const newer = [command(1, 2)];
    const falling = [command(1, 1), command(2, 0)];
    const configuration = [new Entry(1, 1, EntryType.Reconf, Uint8Array.of(9))];
    for (const entries of [gap, newer, falling, configuration]) {
      server.receive(2, append({ entries }));
      expect(server.engine.status().lastIndex).toBe(0);
    }
  });
});

describe('heartbeat', () => {
  it('is answered at once, whatever the disk does', () => {
    const server = new OneServer({ log: logOf(1) });
    server.receive(2, append({ prevIndex: 1, prevTerm: 1, entries: [command(2, 1)] }));
    expect(sent(server.receive(2, HEARTBEAT), 'heartbeat-reply')).toEqual([
      { type: 'heartbeat-reply', term: 1, round: 7, lastIndex: 2, commit: 0 },
    ]);
  });

  it('of a new term is answered when the term is on disk', () => {
    const output = new OneServer().receive(2, HEARTBEAT);
    expect(output.messages).toEqual([]);
    expect(output.messagesAfterPersist).toHaveLength(1);
    expect(output.persist?.hardState?.term).toBe(1);
  });
});

describe('membership entry (Raft §6, thesis §4.1)', () => {
  const configuration = simpleConfiguration([1, 2, 3, 4]);
  const change = new Entry(1, 1, EntryType.Reconf, encodeConfiguration(configuration));

  it('is in force as soon as it is appended', () => {
    const server = new OneServer();
    server.receive(2, append({ entries: [change] }));
    expect(server.engine.status()).toMatchObject({ configuration, commitIndex: 0 });
    expect(server.engine.configurationAt(0)).toEqual(simpleConfiguration([1, 2, 3]));
  });

  it('is rolled back where it is cut off', () => {
    const server = new OneServer();
    server.receive(2, append({ entries: [change] }));
    server.receive(3, append({ term: 2, entries: [command(1, 2)] }));
    expect(server.engine.status().configuration).toEqual(simpleConfiguration([1, 2, 3]));
  });

  it('that removes this server makes it passive, which is told once it is committed', () => {
    const server = new OneServer();
    const removal = new Entry(1, 1, EntryType.Reconf, encodeConfiguration(simpleConfiguration([2, 3])));
    const { engine } = server;
    const life = new LifeEvents(1, engine.summary(), engine.configurationAt(0), 0);
    server.receive(2, append({ entries: [removal] }));
    expect(life.turned(engine.summary())).toEqual(['applyconfiguration']);
    const { committed } = server.receive(2, append({ prevIndex: 1, prevTerm: 1, commit: 1 }));
    expect(committed).toEqual([removal]);
    expect(life.applied(1, engine.summary(), engine.configurationAt(1))).toEqual(['removed', 'terminated']);
    expect(engine.summary().role).toBe(Role.Passive);
  });
});

describe('InstallSnapshot (Raft §7)', () => {
  const chunk: SnapshotChunk = {
    type: 'snapshot',
    term: 1,
    seq: 1,
    index: 8,
    snapshotTerm: 1,
    configuration: simpleConfiguration([1, 2]),
    offset: 0,
    total: 3,
    data: Uint8Array.of(1, 2),
  };
  const rest = { ...chunk, seq: 2, offset: 2, data: Uint8Array.of(3) };

  it('takes effect when its last chunk is there, and is acknowledged when it is on disk', () => {
    const server = new OneServer({ log: logOf(1) });
    expect(acknowledged(server.receive(2, chunk))).toMatchObject([{ received: 2, installed: false }]);
    const output = server.receive(2, rest);
    expect(output.restore).toMatchObject({ index: 8, term: 1 });
    expect(contentBytes(output.restore!.content)).toEqual(Uint8Array.of(1, 2, 3));
    expect(output.persist?.snapshot).toBe(output.restore);
    expect(acknowledged(output)).toMatchObject([{ type: 'snapshot-reply', index: 8, installed: true }]);
    expect(server.engine.status()).toMatchObject({ commitIndex: 8, lastIndex: 8, configuration: { voters: [1, 2] } });
  });

  it('of an older term is refused with the newer one', () => {
    const server = new OneServer({ log: logOf(3) });
    const reply = { type: 'snapshot-reply', term: 3, seq: 1, index: 8, received: 0, installed: false };
    expect(sent(server.receive(2, chunk), 'snapshot-reply')).toEqual([reply]);
    expect(server.engine.status()).toMatchObject({ leader: 0, lastIndex: 1 });
  });

  it('of which the log holds all by now is not gone on with', () => {
    const server = new OneServer({ log: logOf(...Array(7).fill(1)) });
    server.receive(2, chunk);
    server.receive(2, append({ prevIndex: 7, prevTerm: 1, entries: [command(8, 1)], commit: 8 }));
    expect(acknowledged(server.receive(2, rest))).toMatchObject([{ installed: true, index: 8 }]);
    const output = server.receive(2, { ...rest, index: 9, seq: 3 });
    expect(acknowledged(output)).toMatchObject([{ received: 0, installed: false }]);
    expect(server.engine.status()).toMatchObject({ commitIndex: 8, lastIndex: 8 });
  });

  it('is all that is acknowledged where it comes in one turn with entries', () => {
    const server = new OneServer();
    server.engine.receive(2, append({ entries: [command(1, 1)] }));
    server.engine.receive(2, { ...chunk, total: 2 });
    expect(acknowledged(server.drain()).map(({ type }) => type)).toEqual(['snapshot-reply']);
  });

  it('that brings more than it says it has is refused', () => {
    const server = new OneServer();
    expect(server.engine.receive(2, { ...rest, total: 2 })).toBeDefined();
    expect(server.engine.receive(2, { ...chunk, total: 2 })).toBeUndefined();
  });

  it('is what entries before its end are held against', () => {
    const server = new OneServer();
    server.receive(2, { ...chunk, total: 2 });
    server.durable();
    const entries = [6, 7, 8, 9].map((index) => command(index, 1));
    const output = server.receive(2, append({ seq: 4, prevIndex: 5, prevTerm: 1, entries }));
    expect(output.persist?.entries.map(({ index }) => index)).toEqual([9]);
    expect(acknowledged(output)).toMatchObject([{ ok: true, seq: 4, index: 9 }]);
    // The last entry of it has a term, which is the snapshot's.
    const other = append({ term: 3, prevIndex: 8, prevTerm: 2, entries: [command(9, 3)] });
    expect(acknowledged(server.receive(2, other))).toMatchObject([{ ok: false }]);
    expect(server.engine.status()).toMatchObject({ commitIndex: 8, lastIndex: 9 });
  });

  it('says what it has where a chunk is out of place', () => {
    const server = new OneServer({ log: logOf(1) });
    expect(acknowledged(server.receive(2, rest))).toMatchObject([{ received: 0, installed: false }]);
    server.receive(2, chunk);
    expect(acknowledged(server.receive(2, chunk))).toMatchObject([{ received: 2, installed: false }]);
  });

  it('discards nothing where the log holds all of it (figure 13, step 6)', () => {
    const server = new OneServer({ log: logOf(...Array(10).fill(1)) });
    const output = server.receive(2, chunk);
    expect(output.restore).toBeUndefined();
    expect(output.persist?.snapshot).toBeUndefined();
    expect(server.engine.status()).toMatchObject({ commitIndex: 8, lastIndex: 10 });
    expect(acknowledged(output)).toMatchObject([{ installed: true, index: 8 }]);
  });
});
