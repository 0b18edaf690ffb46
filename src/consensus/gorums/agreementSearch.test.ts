import { describe, expect, it } from 'vitest';
import { AgreementSearch } from './agreementSearch.ts';
import { BEGINNINGS_MAX } from './limits.ts';

describe('where catching up begins', () => {
  /** A follower that asks for 101 whatever it is told, and refuses; where it is sent the log from each time. */
  function refusing(search: AgreementSearch, times: number, { matchIndex = 0, firstIndex = 1 } = {}): number[] {
    return Array.from({ length: times }, (_, call) => {
      const from = search.beginning(101, matchIndex, firstIndex);
      search.began(call, from);
      search.refused(call);
      return from;
    });
  }

  it('is where the follower asks, as long as it asks for something else each time', () => {
    const search = new AgreementSearch();
    for (const [call, asked] of [101, 90, 80, 81].entries()) {
      expect(search.beginning(asked, 0, 1)).toBe(asked);
      search.began(call, asked);
      search.refused(call);
    }
  });

  it('goes back, twice as far each time, where the follower asks for the same that it refused', () => {
    expect(refusing(new AgreementSearch(), 9)).toEqual([101, 100, 98, 94, 86, 70, 38, 1, 1]);
  });

  it('is never what the follower is known to hold, and no snapshot before the whole log was refused', () => {
    expect(refusing(new AgreementSearch(), 4, { matchIndex: 96 })).toEqual([101, 100, 98, 97]);
    expect(refusing(new AgreementSearch(), 5, { firstIndex: 95 })).toEqual([101, 100, 98, 95, 87]);
  });

  it('is where it asks again while nothing was refused, and after it agreed', () => {
    const search = new AgreementSearch();
    expect([search.beginning(101, 0, 1), search.beginning(101, 0, 1)]).toEqual([101, 101]);
    search.began(1, 101);
    search.refused(7);
    expect(search.beginning(101, 0, 1)).toBe(101);
    search.refused(1);
    search.began(2, search.beginning(101, 0, 1));
    search.agreed(2);
    search.refused(1);
    expect(search.beginning(101, 0, 1)).toBe(101);
  });

  it('goes on from the lowest that was refused, whichever refusal comes last', () => {
    const search = new AgreementSearch();
    search.began(1, search.beginning(101, 0, 1));
    search.refused(1);
    search.began(2, search.beginning(101, 0, 1));
    // Asked again before it had that one.
    search.began(3, search.beginning(101, 0, 1));
    search.refused(2);
    search.refused(3);
    expect(search.beginning(101, 0, 1)).toBe(98);
  });

  it('goes back where the follower asks for the same beyond the end of a log that grows', () => {
    const search = new AgreementSearch();
    const found = [101, 102, 103].map((nextIndex, call) => {
      const from = search.beginning(nextIndex, 0, 1, 500);
      search.began(call, from);
      search.refused(call);
      return from;
    });
    expect(found).toEqual([101, 100, 98]);
    // It asks for something else, and the end of the log has not moved.
    expect(search.beginning(103, 0, 1, 103)).toBe(103);
  });

  it('begins with single steps once more after an agreement, and forgets what was refused before it', () => {
    const search = new AgreementSearch();
    expect(refusing(search, 4)).toEqual([101, 100, 98, 94]);
    search.began(7, search.beginning(101, 0, 1));
    search.began(8, search.beginning(101, 0, 1));
    search.refused(7);
    search.agreed(8);
    expect(refusing(search, 3)).toEqual([101, 100, 98]);
  });

  it('takes no agreement for one to what it did not begin with', () => {
    const search = new AgreementSearch();
    expect(refusing(search, 3)).toEqual([101, 100, 98]);
    search.agreed(9);
    expect(search.beginning(101, 0, 1)).toBe(94);
  });

  it('forgets the beginnings that nobody answers', () => {
    const search = new AgreementSearch();
    for (let call = 0; call <= BEGINNINGS_MAX; call++) search.began(call, search.beginning(101, 0, 1));
    search.refused(0);
    expect(search.beginning(101, 0, 1)).toBe(101);
    search.refused(1);
    expect(search.beginning(101, 0, 1)).toBe(100);
  });
});
