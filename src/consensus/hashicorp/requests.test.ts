import { describe, expect, it } from 'vitest';
import { RejectReason } from '../contract.ts';
import { Sender, snapshotOf } from './testing/sender.ts';

/** Changes that are entries 2 to 4 of term 1, in a log of five. */
function waiting() {
  const sender = new Sender(5);
  const { state } = sender;
  for (const index of [2, 3, 4]) state.requests.add({ token: index, index, term: 1 });
  return { state, outcomes: () => sender.taken().requests };
}

describe('a membership change in the log', () => {
  it('is done when its entry is committed, and is answered once', () => {
    const { state, outcomes } = waiting();
    state.commitTo(3);
    expect(outcomes()).toEqual([2, 3].map((token) => ({ token, ok: true })));
    state.commitTo(5);
    expect(outcomes()).toEqual([{ token: 4, ok: true }]);
  });

  it('has failed where another entry took its place', () => {
    const { state, outcomes } = waiting();
    state.requests.add({ token: 9, index: 5, term: 2 });
    state.leaderId = 3;
    state.commitTo(5);
    expect(outcomes().at(-1)).toMatchObject({ token: 9, ok: false, reason: RejectReason.NotLeader, leader: 3 });
  });

  it('is not answered where a snapshot took the place of its entry: nobody knows what became of it', () => {
    const { state, outcomes } = waiting();
    state.install(snapshotOf(3));
    state.requests.add({ token: 8, index: 4, term: 1 });
    state.commitTo(3);
    expect(outcomes()).toEqual([]);
    state.requests.commit(9, state.log, 2);
    expect(outcomes().map(({ token }) => token)).toEqual([4, 8]);
  });
});
