import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Output, RejectReason, simpleConfiguration } from '../contract.ts';
import { MemoryContent } from '../snapshotContent.ts';
import { OutputBuffer } from './outputBuffer.ts';

const LISTS = ['messages', 'messagesAfterPersist', 'accepted', 'rejected', 'reads', 'requests', 'events'] as const;
type List = (typeof LISTS)[number];
type Put = List | 'restore' | 'failed' | 'refused' | 'not read';

/** Puts the `count`th thing of a kind into the buffer, and what `take` must show of it into `expected`. */
function put(buffer: OutputBuffer<string>, kind: Put, count: number, expected: Record<List, unknown[]>): unknown {
  switch (kind) {
    case 'messages':
      buffer.send(count, 'now');
      expected.messages.push({ to: count, message: 'now' });
      return undefined;
    case 'messagesAfterPersist':
      buffer.sendAfterPersist(count, 'later');
      expected.messagesAfterPersist.push({ to: count, message: 'later' });
      return undefined;
    case 'failed': {
      const missing = { silent: [count], behind: [] };
      buffer.requestFailed(count, RejectReason.NoQuorum, 7, missing);
      expected.requests.push({ token: count, ok: false, reason: RejectReason.NoQuorum, leader: 7, missing });
      return undefined;
    }
    case 'refused': {
      // Of no commands there is nothing to say.
      const commands = count % 3;
      buffer.reject(count, 4, commands, RejectReason.NotLeader, 7);
      const told = { token: count, offset: 4, count: commands, reason: RejectReason.NotLeader, leader: 7 };
      if (commands > 0) expected.rejected.push(told);
      return undefined;
    }
    case 'not read':
      buffer.readFailed(count, RejectReason.Transferring, 7);
      expected.reads.push({ token: count, ok: false, reason: RejectReason.Transferring, leader: 7 });
      return undefined;
    case 'restore': {
      const snapshot = {
        index: count,
        term: 1,
        configuration: simpleConfiguration([1]),
        content: new MemoryContent(new Uint8Array(0)),
      };
      buffer.restore = snapshot;
      return snapshot;
    }
    default: {
      const each = { count } as never;
      buffer[kind].push(each);
      expected[kind].push(each);
      return undefined;
    }
  }
}

describe('what an engine brings forth', () => {
  it('leaves once, with all else of its turn, each list in order, and is not changed by later turns', () => {
    const kinds = fc.constantFrom<Put>(...LISTS, 'restore', 'failed', 'refused', 'not read');
    fc.assert(
      fc.property(fc.array(fc.array(kinds, { maxLength: 6 }), { maxLength: 6 }), (turns) => {
        const buffer = new OutputBuffer<string>();
        const taken: { readonly output: Output<string>; readonly expected: Record<string, unknown> }[] = [];
        let count = 0;
        for (const turn of turns) {
          const lists = Object.fromEntries(LISTS.map((name) => [name, []])) as unknown as Record<List, unknown[]>;
          let restore: unknown;
          for (const kind of turn) restore = put(buffer, kind, ++count, lists) ?? restore;
          const output = buffer.take(undefined, []);
          taken.push({ output, expected: { ...lists, restore, persist: undefined, committed: [] } });
          for (const each of taken) expect(each.output).toEqual(each.expected);
        }
      }),
    );
  });
});
