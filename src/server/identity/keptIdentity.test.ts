import { describe, expect, it } from 'vitest';
import { blankIdentity, type Identity, introductionOf, startedAgain, withChanges } from './identity.ts';
import { KeptIdentity, startsCountAtOnce } from './keptIdentity.ts';

/** What was stored of it, in order; and what it showed meanwhile. */
class Kept extends KeptIdentity {
  readonly stored: Identity[] = [];
  readonly shownMeanwhile: Identity[] = [];
  failure: Error | undefined;

  protected override store(next: Identity): void {
    if (this.failure !== undefined) throw this.failure;
    this.stored.push(next);
    this.shownMeanwhile.push(this.identity);
  }
}

const left = (part: Partial<Identity> = {}): Identity => ({
  ...blankIdentity(1, 'etcd', 'folder 1', 'member'),
  cluster: 'c',
  boots: 4,
  life: 'life 4',
  ...part,
});
const started = (part: Partial<Identity> = {}) => new Kept(left(part), 'life 5');
const other = (id: number, part: Partial<Identity> = {}) =>
  introductionOf(startedAgain({ ...blankIdentity(id, 'etcd', `folder ${id}`, 'member'), cluster: 'c', ...part }, 'l'));

describe('the identity of a start', () => {
  it('is the next one, and names the one before to the data that it binds', () => {
    const kept = started();
    expect(kept.identity).toEqual(startedAgain(left(), 'life 5'));
    expect(kept.startName).toEqual({ boots: 5, life: 'life 5', previous: 'life 4' });
  });

  it('is stored before it counts, once data are bound to it', () => {
    const kept = started();
    kept.noteBound();
    expect(kept.stored).toEqual([]);
    kept.countStart();
    expect(kept.stored).toEqual([{ ...startedAgain(left(), 'life 5'), isBound: true }]);
  });

  it('does not count where it cannot be stored, and then nobody hears of it', () => {
    const kept = started();
    kept.failure = new Error('the disk is full');
    expect(() => kept.countStart()).toThrow('the disk is full');
    expect(kept.answers(other(2))).toBe(false);
  });

  it('shows a change once that is stored, and not where it cannot be', () => {
    const kept = started();
    kept.countStart();
    kept.change({ admitted: 7 });
    expect(kept.stored.map(({ admitted }) => admitted)).toEqual([0, 7]);
    expect(kept.shownMeanwhile.map(({ admitted }) => admitted)).toEqual([0, 0]);
    expect(kept.identity.admitted).toBe(7);
    kept.failure = new Error('the disk is full');
    expect(() => kept.change({ admitted: 8 })).toThrow('the disk is full');
    expect(kept.identity.admitted).toBe(7);
  });

  it('stores nothing of what is learnt before it counts, and all of it with that', () => {
    const kept = started();
    expect(kept.meet(other(2))).toBeUndefined();
    expect(kept.stored).toEqual([]);
    expect(kept.identity.known.has(2)).toBe(true);
    kept.countStart();
    expect(kept.stored.map(({ known }) => [...known.keys()])).toEqual([[2]]);
  });

  it('notes who fits, durably and once, and nobody who does not', () => {
    const kept = started();
    kept.countStart();
    for (let times = 0; times < 2; times++) expect(kept.meet(other(2))).toBeUndefined();
    expect(kept.stored.map(({ known }) => [...known.keys()])).toEqual([[], [2]]);
    expect(kept.meet(other(3, { cluster: 'another' }))).toBe('other-cluster');
    expect(kept.meet(other(2, { instance: 'another' }))).toBe('forgotten');
    expect(kept.identity.known.get(2)).toMatchObject({ instance: 'folder 2' });
    expect([kept.stored.length, kept.identity.known.size]).toEqual([2, 1]);
  });
});

describe('who asks who this is', () => {
  const isMember = (answer: boolean) => withChanges(left(), { stage: answer ? 'member' : 'new' });

  it('hears nothing before the start counts', () => {
    const kept = started({ stage: 'new' });
    for (const asker of [other(2), other(2, { stage: 'new' })]) expect(kept.answers(asker)).toBe(false);
    kept.countStart();
    for (const asker of [other(2), other(2, { stage: 'new' })]) expect(kept.answers(asker)).toBe(true);
  });

  it('hears nothing, where it is new, of one that is about to join while it is new', () => {
    for (const stage of ['new', 'member'] as const) {
      for (const joins of [true, false]) {
        const kept = new Kept(isMember(stage === 'member'), 'life 5');
        kept.joins = joins;
        kept.countStart();
        expect(kept.answers(other(2, { stage: 'new' })), `${stage}, joins: ${joins}`).toBe(stage !== 'new' || !joins);
        expect(kept.answers(other(2)), `${stage}, joins: ${joins}`).toBe(true);
      }
    }
  });
});

it('a start counts at once but for that of a member', () => {
  expect(
    [undefined, 'new', 'admitting', 'member'].map((stage) => startsCountAtOnce(stage as Identity['stage'])),
  ).toEqual([true, true, true, false]);
});
