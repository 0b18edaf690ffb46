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
  isBound: true,
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
    // One more than it has names for: then the count still tells.
    for (let times = 1; times <= EARLIER_LIVES_MAX + 1; times++) {
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

describe('what is wrong with an introduction', () => {
  const claim = introductionOf({ ...own, boots: 3, life: 'c', earlierLives: ['b', 'a'] });
  const met: KnownServer = { instance: 'folder', boots: 3, life: 'c', admitted: 0, ran: true };
  const knows = (part: Partial<KnownServer> = {}): Identity => ({
    ...peer,
    known: new Map([[1, { ...met, ...part }]]),
  });

  it.each<[string, Identity, Partial<typeof claim>, Misfit | undefined]>([
    ['nothing, of one that was never met', peer, {}, undefined],
    ['another engine, whatever else', { ...peer, cluster: 'b' }, { engine: 'etcd' }, Misfit.OtherEngine],
    ['another cluster, though it was never met', peer, { cluster: 'b' }, Misfit.OtherCluster],
    ['another cluster, though its folder is known', knows(), { cluster: 'b' }, Misfit.OtherCluster],
    ['nothing, where it does not know its cluster yet', knows(), { cluster: '' }, undefined],
    ['nothing, where we do not know ours yet', { ...knows(), cluster: '' }, {}, undefined],
    ['nothing, where both do not know it yet', { ...knows(), cluster: '' }, { cluster: '' }, undefined],
    ['nothing, of the start that was met', knows(), {}, undefined],
    ['nothing, of a later start', knows({ boots: 1, life: 'a' }), {}, undefined],
    ['another folder', knows({ instance: 'x' }), {}, Misfit.Forgotten],
    ['another folder, admitted as often', knows({ instance: 'x', admitted: 5 }), { admitted: 5 }, Misfit.Forgotten],
    ['another folder, admitted before', knows({ instance: 'x', admitted: 5 }), { admitted: 4 }, Misfit.Forgotten],
    [
      'nothing, of another folder that was admitted since',
      knows({ instance: 'x', admitted: 4 }),
      { admitted: 5 },
      undefined,
    ],
    ['an older copy', knows({ life: 'x' }), {}, Misfit.OlderCopy],
    [
      'a copy from before its admission, though of the same start',
      knows({ admitted: 5 }),
      { admitted: 4 },
      Misfit.OlderCopy,
    ],
  ])('is %s', (_, self, part, expected) => {
    expect(misfitOf(self, { ...claim, ...part })).toBe(expected);
  });
});

describe('what is noted of a server that is met', () => {
  const claim = introductionOf({ ...own, boots: 3, life: 'c', admitted: 4 });
  const noted: KnownServer = { instance: 'folder', boots: 3, life: 'c', admitted: 4, ran: true };
  const knowing = withKnown(peer, claim);

  it('is what tells its promises from those of its other selves, once', () => {
    expect(knowing.known).toEqual(new Map([[1, noted]]));
    expect(peer.known.size).toBe(0);
    expect(withKnown(knowing, claim)).toBe(knowing);
  });

  it.each<[string, Partial<typeof claim>]>([
    ['instance', { instance: 'x' }],
    ['boots', { boots: 4 }],
    ['life', { life: 'd' }],
    ['admitted', { admitted: 5 }],
  ])('changes with its %s', (_, part) => {
    const { known } = withKnown(knowing, { ...claim, ...part });
    expect(known.get(1)).toEqual({ ...noted, ...part });
  });

  it('changes where it was known only as a partner of the founding', () => {
    const founder = { ...peer, known: new Map([[1, { ...noted, ran: false }]]) };
    expect(withKnown(founder, claim).known.get(1)).toEqual(noted);
  });

  it('is nothing where one of the two does not take part', () => {
    for (const stage of ['new', 'admitting'] as const) {
      const self = { ...peer, stage };
      expect(withKnown(self, claim)).toBe(self);
    }
    expect(withKnown(peer, { ...claim, isMember: false })).toBe(peer);
  });

  it('is its cluster as well, where ours is not known and it is of ours', () => {
    const unsure = { ...peer, cluster: '' };
    expect(withKnown(unsure, claim).cluster).toBe('a');
    const knowsIt = { ...knowing, cluster: '' };
    expect(withKnown(knowsIt, claim).cluster).toBe('a');
    expect(withKnown(knowsIt, { ...claim, instance: 'x', admitted: 9 }).cluster).toBe('');
    expect(withKnown(knowsIt, { ...claim, id: 3, instance: 'third' }).cluster).toBe('');
    expect(withKnown(knowing, { ...claim, cluster: '' }).cluster).toBe('a');
  });
});
