import { type ReachedServers, RkvClient } from '../client/rkvClient.ts';
import type { Random } from '../simulator/random.ts';
import type { Write } from './writers.ts';

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
export async function readBack(servers: ReachedServers, writes: readonly Write[]): Promise<number> {
  const client = new RkvClient({ ...servers, timeoutMs: LOOKUP_MS_MAX });
  try {
    for (let at = 0; at < writes.length; at += LOOKUPS_AT_ONCE) {
      const group = writes.slice(at, at + LOOKUPS_AT_ONCE);
      const found = await Promise.all(group.map(({ key }) => client.lookup(key)));
      group.forEach(({ key, value }, position) => {
        const wrong = wrongValue(key, value, found[position]);
        if (wrong !== undefined) throw new LostWriteError(wrong);
      });
    }
    return writes.length;
  } finally {
    client.close();
  }
}

/** Of a value in a message, characters. */
const SHOWN_LENGTH_MAX = 80;

/** What is wrong with what was found under a key to which a write was acknowledged, in words; undefined where nothing is. */
export function wrongValue(key: string, value: string, held: string | undefined): string | undefined {
  if (held === value) return undefined;
  const shown = (text: string) => JSON.stringify(text.slice(0, SHOWN_LENGTH_MAX));
  const what = held === undefined ? 'is not there' : `holds ${shown(held)} (${held.length} characters)`;
  return `key ${key} ${what}, and ${shown(value)} (${value.length} characters) was acknowledged`;
}
