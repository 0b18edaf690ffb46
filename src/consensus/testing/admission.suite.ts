import { describe, expect, it } from 'vitest';
import type { EngineKind } from '../contract.ts';
import { EngineCluster, TEST_SETTINGS } from './engineCluster.ts';

/** More than any host of ours lets be open at once: commands or reads, and bytes. */
const MANY = (1 << 17) + 1;
const LARGE_BYTES = 1 << 20;
const LARGE_COUNT = 300;

/** How much may be open is bounded once, by the host (server/host/): an engine with a bound of its own would be measured as another one. */
export function describeAdmission<M>(kind: EngineKind<M>): void {
  describe(`${kind.name}: as much as its host lets in`, () => {
    /** A leader that nobody answers any more, which it does not know yet. */
    const unanswered = (batch: boolean) => {
      const cluster = new EngineCluster(kind, [1, 2, 3], undefined, { ...TEST_SETTINGS, batch });
      const { engine } = cluster.elect();
      return engine;
    };

    it.each([
      ['commands', true, MANY, 1],
      ['commands one by one', false, MANY, 1],
      ['bytes', true, LARGE_COUNT, LARGE_BYTES],
      ['bytes one by one', false, LARGE_COUNT, LARGE_BYTES],
    ])('takes any number of %s, while nothing is committed', (_what, batch, count, size) => {
      const engine = unanswered(batch);
      const { lastIndex } = engine.status();
      const commands = new Array<Uint8Array>(count).fill(new Uint8Array(size));
      for (const token of [1, 2]) engine.propose({ token, commands });
      const { accepted, rejected, committed } = engine.drain();
      expect([rejected, committed]).toEqual([[], []]);
      const taken = batch ? 2 * count : 1;
      expect(accepted.reduce((sum, each) => sum + each.count, 0)).toBe(taken);
      expect(engine.status().lastIndex).toBe(lastIndex + taken);
    });

    it('takes any number of reads, while none is proven', () => {
      const engine = unanswered(true);
      for (let token = 1; token <= MANY; token++) engine.read(token);
      expect(engine.drain().reads).toEqual([]);
    });
  });
}
