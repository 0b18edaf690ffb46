import { RkvClient } from '../../client/rkvClient.ts';
import type { Random } from '../../simulator/random.ts';
import type { Write } from '../writers.ts';

/** Lookups under way at once. */
const LOOKUPS_AT_ONCE = 100;
/** A cluster that was just started has other things to do, too. */
const LOOKUP_MS_MAX = 60_000;

/** An acknowledged write is not there, or another value is. */
export class LostWriteError extends Error {
  override readonly name = 'LostWriteError';
}

/** All writes that were acknowledged, each of a key of its own, so that none replaces another one. */
export class Ledger {
  private readonly writes: Write[] = [];

  get count(): number {
    return this.writes.length;
  }

  note(write: Write): void {
    this.writes.push(write);
  }

  /** Those from the `from`th on, and so many of those before. */
  sample(from: number, countBefore: number, random: Random): Write[] {
    const before = Array.from({ length: Math.min(from, countBefore) }, () => this.writes[random.int(from)]!);
    return [...before, ...this.writes.slice(from)];
  }

  all(): readonly Write[] {
    return this.writes;
  }
}

/** Reads these back, linearizably; resolves with how many that were. Throws LostWriteError. */
export async function readBack(addresses: readonly string[], writes: readonly Write[]): Promise<number> {
  const client = new RkvClient({ addresses, timeoutMs: LOOKUP_MS_MAX });
  try {
    for (let at = 0; at < writes.length; at += LOOKUPS_AT_ONCE) {
      const group = writes.slice(at, at + LOOKUPS_AT_ONCE);
      const found = await Promise.all(group.map(({ key }) => client.lookup(key)));
      group.forEach(({ key, value }, position) => {
        const held = found[position];
        if (held === value) return;
        const what = held === undefined ? 'is not there' : `holds ${JSON.stringify(held)}`;
        throw new LostWriteError(`key ${key} ${what}, and ${JSON.stringify(value)} was acknowledged`);
      });
    }
    return writes.length;
  } finally {
    client.close();
  }
}
