import { describe, expect, it } from 'vitest';
import { IN_ORDER_BYTES_MAX, transitMs } from '../parts/transit.ts';
import { CATCH_UP_BYTES_MAX, CATCH_UP_MESSAGES_MAX, UNANSWERED_CALLS_MAX } from './limits.ts';
import { Peer } from './peer.ts';

type Sent = Parameters<Peer['sent']>[0];

/** Part of a round without entries, unless `of` says otherwise. */
function send(peer: Peer, call: number, of: Partial<Sent> = {}): void {
  peer.sent({ call, end: call, sentMs: 0, bytes: 0, isCatchUp: false, overtakes: false, ...of });
}

describe('a call that succeeds', () => {
  it('proves what it carried, once, and so much that a later one need not', () => {
    const peer = new Peer(2);
    expect(peer).toMatchObject({ id: 2, matchIndex: 0, heardMs: -1, state: 'steady', behindUntil: 0 });
    for (const call of [1, 2, 3]) send(peer, call, { end: 10 * call });
    expect(peer.succeeded(2, 5)).toBe(20);
    expect(peer.matchIndex).toBe(20);
    expect([peer.succeeded(2, 6), peer.succeeded(1, 6)]).toEqual([undefined, undefined]);
    expect(peer.succeeded(3, 7)).toBe(30);
    // What ends earlier proves less, and takes nothing back.
    send(peer, 4, { end: 12 });
    expect(peer.succeeded(4, 8)).toBe(12);
    expect(peer.matchIndex).toBe(30);
  });

  it('says nothing of those before it where it overtook them', () => {
    const peer = new Peer(2);
    send(peer, 1);
    send(peer, 2, { overtakes: true });
    send(peer, 3);
    expect(peer.succeeded(2, 0)).toBe(2);
    expect([peer.succeeded(1, 0), peer.succeeded(3, 0)]).toEqual([1, 3]);
  });

  it('ends a catch-up with the entry that it was about, or a later one', () => {
    const peer = new Peer(2);
    peer.behindUntil = 5;
    send(peer, 1, { end: 4 });
    peer.succeeded(1, 0);
    expect(peer.behindUntil).toBe(5);
    send(peer, 2, { end: 5 });
    peer.succeeded(2, 0);
    expect(peer.behindUntil).toBe(0);
  });

  it('is remembered of so many that are not answered', () => {
    const peer = new Peer(2);
    for (let call = 1; call <= UNANSWERED_CALLS_MAX + 1; call++) send(peer, call, { overtakes: true });
    expect(peer.succeeded(1, 0)).toBeUndefined();
    expect(peer.succeeded(2, 0)).toBe(2);
    expect(peer.succeeded(UNANSWERED_CALLS_MAX + 1, 0)).toBe(UNANSWERED_CALLS_MAX + 1);
  });
});

describe('a heartbeat', () => {
  const MUCH = IN_ORDER_BYTES_MAX + 1;

  it('overtakes where much is on its way, as long as that takes', () => {
    const peer = new Peer(2);
    send(peer, 1, { sentMs: 3 });
    send(peer, 2, { bytes: IN_ORDER_BYTES_MAX, sentMs: 10 });
    expect(peer.isOvertaken(10)).toBe(false);
    send(peer, 3, { bytes: 1, sentMs: 12 });
    const lastMs = 10 + transitMs(MUCH) - 1;
    expect([10, lastMs, lastMs + 1].map((ms) => peer.isOvertaken(ms))).toEqual([true, true, false]);
  });

  it('overtakes longer where what is on its way comes through', () => {
    const peer = new Peer(2);
    send(peer, 1, { end: 5 });
    for (const call of [2, 3]) send(peer, call, { end: 5, bytes: 2 * MUCH });
    const lastMs = transitMs(4 * MUCH) - 1;
    peer.succeeded(1, 20);
    expect([lastMs + 20, lastMs + 21].map((ms) => peer.isOvertaken(ms))).toEqual([true, false]);
    // That the same is there once more is no progress.
    peer.succeeded(2, 30);
    expect(peer.isOvertaken(20 + transitMs(2 * MUCH))).toBe(false);
  });
});

describe('a follower that catches up', () => {
  it('gets one message until it agrees, then one more with each success, up to a bound', () => {
    const peer = new Peer(2);
    peer.injectFrom = 7;
    peer.beginCatchUp(1, 7);
    expect(peer).toMatchObject({ state: 'catching-up', injectFrom: undefined, nextIndex: 7 });
    /** How many fit now; all are answered. */
    let call = 1;
    const room = () => {
      let sent = 0;
      for (; peer.hasCatchUpRoom; sent++) send(peer, call++, { isCatchUp: true, overtakes: true });
      return sent;
    };
    const answerAll = (count: number) => {
      for (let each = call - count; each < call; each++) peer.succeeded(each, 0);
    };
    expect(room()).toBe(1);
    // What is part of a round takes no place, nor does its success make one.
    send(peer, call++, { overtakes: true });
    peer.succeeded(call - 1, 0);
    expect(peer.hasCatchUpRoom).toBe(false);
    peer.succeeded(1, 0);
    expect(room()).toBe(2);
    answerAll(2);
    expect(room()).toBe(4);
    answerAll(4);
    for (let count = room(); count < CATCH_UP_MESSAGES_MAX; count = room()) answerAll(count);
    answerAll(CATCH_UP_MESSAGES_MAX);
    expect(room()).toBe(CATCH_UP_MESSAGES_MAX);
    // A new question begins from one again, and what was sent before takes no place any more.
    peer.beginCatchUp(call, 9);
    expect(room()).toBe(1);
  });

  it('gets so many bytes at most, those of rounds not counted', () => {
    const peer = new Peer(2);
    peer.beginCatchUp(1, 1);
    for (const call of [1, 2, 3]) {
      send(peer, call, { isCatchUp: true });
      peer.succeeded(call, 0);
    }
    send(peer, 4, { bytes: CATCH_UP_BYTES_MAX });
    send(peer, 5, { isCatchUp: true, bytes: CATCH_UP_BYTES_MAX - 1 });
    expect(peer.hasCatchUpRoom).toBe(true);
    send(peer, 6, { isCatchUp: true, bytes: 1 });
    expect(peer.hasCatchUpRoom).toBe(false);
  });

  it('is overtaken by nothing that was sent before its question', () => {
    const peer = new Peer(2);
    send(peer, 1, { bytes: 10 * IN_ORDER_BYTES_MAX, isCatchUp: true });
    expect(peer.isOvertaken(1)).toBe(true);
    peer.beginCatchUp(2, 1);
    expect(peer.isOvertaken(1)).toBe(false);
    expect(peer.hasCatchUpRoom).toBe(true);
    // An answer that comes all the same does not open the window.
    peer.succeeded(1, 1);
    send(peer, 3, { isCatchUp: true });
    expect(peer.hasCatchUpRoom).toBe(false);
  });

  it('is behind again by what it refuses since its question, and not by what it refused before', () => {
    const peer = new Peer(2);
    for (const call of [1, 2]) send(peer, call);
    peer.beginCatchUp(3, 1);
    send(peer, 3, { isCatchUp: true });
    peer.refused(2);
    expect(peer.state).toBe('catching-up');
    expect(peer.succeeded(1, 0)).toBeUndefined();
    peer.refused(3);
    expect(peer.state).toBe('behind');
    expect(peer.succeeded(3, 0)).toBeUndefined();
  });
});
