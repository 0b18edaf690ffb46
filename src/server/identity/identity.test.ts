import { describe, expect, it } from 'vitest';
import {
  EARLIER_LIVES_MAX,
  type Identity,
  introductionOf,
  type KnownServer,
  Misfit,
  misfitOf,
  startedAgain,
  withKnown,
} from './identity.ts';

const own: Identity = {
  id: 1,
  engine: 'gorums',
  cluster: 'a',
  instance: 'folder',
  stage: 'member',
  boots: 0,
  life: '',
  earlierLives: [],
  admitted: 0,
  known: new Map(),
};
const peer: Identity = { ...own, id: 2, instance: 'peer' };

/** `folder` started so often, each start under a name of its own. */
function started(folder: Identity, times: number, copy = 'a'): Identity {
  let last = folder;
  for (let i = 0; i < times; i++) last = startedAgain(last, `${copy}${last.boots + 1}`);
  return last;
}

/** What the peer has against `folder`, having met `met`. */
const misfit = (met: Identity, folder: Identity) =>
  misfitOf(withKnown(peer, introductionOf(met)), introductionOf(folder));

describe('a copy of a folder', () => {
  it('that is older than what a peer met is refused however often it is started', () => {
    const copied = started(own, 3);
    const met = started(copied, 1);
    for (let times = 1; times <= EARLIER_LIVES_MAX; times++) {
      expect(misfit(met, started(copied, times, 'b')), `start ${times}`).toBe(Misfit.OlderCopy);
    }
  });

  it('that is not the older one goes on however often it was started without being met', () => {
    const met = started(own, 3);
    for (let times = 0; times <= 3 * EARLIER_LIVES_MAX; times++) {
      expect(misfit(met, started(met, times)), `start ${times}`).toBeUndefined();
    }
  });

  it('that was admitted since goes on: that made harmless what it promised and forgot', () => {
    const met = started(own, 3);
    const copy = started(own, 1, 'b');
    expect(misfit(met, copy)).toBe(Misfit.OlderCopy);
    expect(misfit(met, { ...copy, admitted: 7 })).toBeUndefined();
    expect(misfit({ ...met, admitted: 7 }, { ...copy, admitted: 7 })).toBe(Misfit.OlderCopy);
    expect(misfit({ ...copy, admitted: 7 }, started(met, 2 * EARLIER_LIVES_MAX))).toBe(Misfit.OlderCopy);
  });

  /**
   * Two folders of one server, one of which runs at a time, and a peer that meets what runs, or does not. The slow twin keeps
   * the whole history of each: what was met is in the history of what fits, and of nothing else.
   */
  it('is judged as by its whole history, whatever is started, copied, put back and met', () => {
    interface Folder {
      readonly identity: Identity;
      readonly history: readonly string[];
    }
    interface World {
      readonly folder: Folder;
      readonly copy: Folder;
      readonly met: KnownServer | undefined;
      readonly steps: readonly string[];
    }
    const counts = { fits: 0, [Misfit.OlderCopy]: 0 };
    const go = (world: World): void => {
      const { folder, copy, steps, met } = world;
      const claim = introductionOf(folder.identity);
      const self: Identity = met === undefined ? peer : { ...peer, known: new Map([[1, met]]) };
      const found = misfitOf(self, claim);
      const isRight = met === undefined || folder.history.includes(met.life);
      if ((found === undefined) !== isRight) expect.unreachable(`${steps.join(', ')}: ${found}`);
      counts[isRight ? 'fits' : Misfit.OlderCopy]++;
      if (steps.length === 9) return;
      const then = (step: string, part: Partial<World>) => go({ ...world, ...part, steps: [...steps, step] });
      const life = `${steps.length}`;
      const next = { identity: startedAgain(folder.identity, life), history: [...folder.history, life] };
      then('start', { folder: next });
      then('copy', { copy: folder });
      then('swap', { folder: copy, copy: folder });
      if (found === undefined && folder.history.length > 0) {
        then('meet', { met: withKnown(self, claim).known.get(1)! });
      }
    };
    const empty: Folder = { identity: own, history: [] };
    go({ folder: empty, copy: empty, met: undefined, steps: [] });
    expect(counts.fits).toBeGreaterThan(10_000);
    expect(counts[Misfit.OlderCopy]).toBeGreaterThan(10_000);
  });
});
