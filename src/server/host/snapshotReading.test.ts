import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { simpleConfiguration } from '../../consensus/contract.ts';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { REGISTER_BYTES } from '../../wire/command.ts';
import { encodeFence } from '../../wire/fence.ts';
import { KeyValueStore } from '../stateMachine/keyValueStore.ts';
import { CheckedContent } from './snapshotReading.ts';
import type { SnapshotCheck } from './stateMachine.ts';

/** Knows which of its checks are still held by somebody. */
class WatchedStore extends KeyValueStore {
  private readonly begun: WeakRef<SnapshotCheck>[] = [];

  override beginCheck(byteLength: number): SnapshotCheck {
    const check = super.beginCheck(byteLength);
    this.begun.push(new WeakRef(check));
    return check;
  }

  async checksHeld(): Promise<number> {
    // What was looked at through such a reference is held until the end of the turn.
    await new Promise<void>((resolve) => setImmediate(resolve));
    collectGarbage();
    return this.begun.filter((check) => check.deref() !== undefined).length;
  }
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

/** A content of these bytes, of which nothing was checked yet. */
function received(bytes: Uint8Array, store = new WatchedStore()) {
  const place = { index: 9, term: 1, configuration: simpleConfiguration([1, 2, 3]) };
  return { store, content: new CheckedContent(place, bytes.length, store) };
}

/** Of a state with a session and a fence. */
function snapshot(): Uint8Array {
  const source = new KeyValueStore();
  source.apply(new Entry(1, 1, EntryType.Normal, REGISTER_BYTES));
  source.apply(new Entry(2, 1, EntryType.Normal, encodeFence({ id: 3, instance: 'named' })));
  return source.snapshot();
}

describe('the content of a snapshot that comes in pieces', () => {
  it('has its fences when all of it is checked, and holds no more of what was read in it', async () => {
    const bytes = snapshot();
    const { store, content } = received(bytes);
    expect(content.check(bytes.subarray(0, 5))).toBeUndefined();
    expect(await store.checksHeld()).toBe(1);
    expect(content.check(bytes.subarray(5))).toBeUndefined();
    expect(await store.checksHeld()).toBe(0);
    expect(content.fences).toEqual(new Map([[3, { index: 2, instance: 'named' }]]));
  });

  it('says what is wrong with the piece with which it cannot be restored any more, also where that is the last', () => {
    const cutShort = snapshot().slice(0, -1);
    const { content } = received(cutShort);
    expect(content.check(cutShort.subarray(0, 5))).toBeUndefined();
    expect(content.check(cutShort.subarray(5))).toMatch('snapshot of the key-value store');
    const { content: empty } = received(new Uint8Array(0));
    expect(empty.check(new Uint8Array(0))).toMatch('snapshot of the key-value store');
  });
});
