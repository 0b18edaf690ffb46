import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Configuration, simpleConfiguration } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { configurationFault, contradiction, entriesFault, refused, snapshotFault, tooFarAhead } from './untrusted.ts';

const INDEX_MAX = Number.MAX_SAFE_INTEGER - 2 ** 32;
const NO_DATA = new Uint8Array(0);

const entry = (index: number, term: number, type: EntryType = EntryType.Normal) =>
  new Entry(index, term, type, NO_DATA);
const fault = (prevIndex: number, prevTerm: number, entries: readonly Entry[], term: number) =>
  entriesFault(prevIndex, prevTerm, entries, term, () => 'an unreadable change');

describe('entries of a peer', () => {
  it('follow each other, with terms that never fall and are none of the future', () => {
    expect(fault(0, 0, [], 1)).toBeUndefined();
    expect(fault(0, 0, [entry(1, 1), entry(2, 1), entry(3, 4)], 4)).toBeUndefined();
    expect(fault(7, 4, [entry(8, 4)], 4)).toBeUndefined();
  });

  it.each([
    ['of a term before theirs', fault(7, 5, [], 4)],
    ['after nothing that has a term', fault(0, 1, [entry(1, 1)], 4)],
    ['with a gap at the beginning', fault(7, 4, [entry(9, 4)], 4)],
    ['that repeat the one before', fault(7, 4, [entry(7, 4)], 4)],
    ['with a gap', fault(7, 4, [entry(8, 4), entry(10, 4)], 4)],
    ['with a repetition', fault(7, 4, [entry(8, 4), entry(8, 4)], 4)],
    ['whose term falls at once', fault(7, 4, [entry(8, 3)], 4)],
    ['whose term falls', fault(7, 2, [entry(8, 4), entry(9, 3)], 4)],
    ['of a term of the future', fault(7, 4, [entry(8, 5)], 4)],
    ['with a change that cannot be read', fault(7, 4, [entry(8, 4, EntryType.Reconf)], 4)],
    ['with a joint change that cannot be read', fault(7, 4, [entry(8, 4, EntryType.JointReconf)], 4)],
  ])('%s are refused', (_what, said) => {
    expect(said).toMatch(/entr/);
  });

  it('are named, with the one before', () => {
    const said = fault(7, 2, [entry(8, 4), entry(9, 3)], 5);
    expect(said).toBe('entry 3/9 after 4/8 in a message of term 5');
    expect(fault(7, 5, [], 4)).toBe('entries after 5/7 in a message of term 4');
  });

  it('end where no log reaches', () => {
    expect(fault(INDEX_MAX, 4, [], 4)).toBeUndefined();
    expect(fault(INDEX_MAX + 1, 4, [], 4)).toMatch(/which no log reaches/);
    expect(fault(INDEX_MAX, 4, [entry(INDEX_MAX + 1, 4)], 4)).toMatch(/which no log reaches/);
  });
});

describe('what a leader says against what is committed', () => {
  /** The slow twin: every entry that both speak of, one by one. */
  function twin(held: ReadonlyMap<number, number>, commitIndex: number, said: ReadonlyMap<number, number>) {
    for (const [index, term] of said) {
      const own = held.get(index);
      if (index <= commitIndex && own !== undefined && own !== term) return `${term}/${index} contradicts ${own}`;
    }
    return undefined;
  }

  it('is found wherever both have an entry, the one before included, and nowhere else', () => {
    const term = fc.integer({ min: 1, max: 2 });
    const log = fc.record({
      base: fc.nat(5),
      held: fc.array(term, { maxLength: 8 }),
      prevIndex: fc.nat(10),
      terms: fc.array(term, { minLength: 1, maxLength: 6 }),
      committed: fc.nat(8),
    });
    fc.assert(
      fc.property(log, ({ base, held, prevIndex, terms, committed }) => {
        const own = new Map(held.map((each, i) => [base + i, each]));
        const said = new Map(terms.map((each, i) => [prevIndex + i, each]));
        const commitIndex = base + Math.min(committed, held.length - 1);
        const entries = terms.slice(1).map((each, i) => entry(prevIndex + 1 + i, each));
        const found = contradiction({ term: (index) => own.get(index) }, commitIndex, prevIndex, terms[0]!, entries);
        const expected = twin(own, commitIndex, said);
        if (expected === undefined) expect(found).toBeUndefined();
        else {
          expect(found?.malformed).toBe(false);
          expect(found?.reason).toContain(expected.replace('contradicts ', 'contradicts entry '));
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('a refusal', () => {
  it('says whether a correct server could have sent it', () => {
    expect(refused(undefined)).toBeUndefined();
    expect(refused('no voters')).toEqual({ reason: 'no voters', malformed: true });
    const reason = 'term 9 is too far ahead of term 2 to be taken at once';
    expect(tooFarAhead(9, 2)).toEqual({ reason, malformed: false });
  });
});

describe('a snapshot of a peer', () => {
  const of = (index: number, term: number, configuration: Configuration = simpleConfiguration([1, 2])) =>
    snapshotFault({ index, term, configuration }, 4);

  it('is of an entry that there may be', () => {
    for (const [index, term] of [
      [1, 1],
      [1, 4],
      [INDEX_MAX, 4],
    ] as const) {
      expect(of(index, term)).toBeUndefined();
    }
  });

  it('of no entry, or of the future, or without voters is refused', () => {
    for (const [index, term] of [
      [0, 1],
      [INDEX_MAX + 1, 1],
      [1, 0],
      [1, 5],
    ] as const) {
      expect(of(index, term)).toMatch(`a snapshot of entry ${term}/${index}`);
    }
    expect(of(1, 1, simpleConfiguration([]))).toMatch('a snapshot of entry 1/1 whose configuration has no voters');
  });
});

describe('a configuration of a peer', () => {
  const good = { voters: [1, 2], outgoing: [1, 3], learners: [4], learnersNext: [3], autoLeave: false };

  it('has voters, each named once, and ascending', () => {
    expect(configurationFault(good)).toBeUndefined();
    expect(configurationFault({ ...good, voters: [], outgoing: [] })).toBe('configuration has no voters');
    for (const list of ['voters', 'outgoing', 'learners', 'learnersNext'] as const) {
      for (const ids of [
        [5, 5],
        [6, 5],
        [0, 5],
        [-1, 5],
      ]) {
        expect(configurationFault({ ...good, [list]: ids }), `${list} ${ids}`).toMatch(/do not ascend from 1/);
      }
    }
  });

  it('that is no joint one is not left by itself', () => {
    const simple = { voters: [1, 2, 3], learners: [4, 5], outgoing: [], learnersNext: [], autoLeave: false };
    expect(simpleConfiguration([3, 1, 2, 1], [5, 4, 5])).toEqual(simple);
  });

  it('has nobody vote who learns', () => {
    expect(configurationFault({ ...good, learners: [2] })).toBe('member 2 is voter and learner');
    expect(configurationFault({ ...good, learners: [3] })).toBe('member 3 is voter and learner');
  });
});
