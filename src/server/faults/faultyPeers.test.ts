import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { MessageCodec } from '../../consensus/contract.ts';
import { gorumsKind } from '../../consensus/gorums/index.ts';
import type { GorumsMessage } from '../../consensus/gorums/messages.ts';
import { FaultBook } from '../../faults/faultBook.ts';
import type { LinkTrouble } from '../../faults/serverFault.ts';
import { FaultyPeers } from './faultyPeers.ts';
import { MACHINE } from './machine.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

type Vote = Extract<GorumsMessage, { type: 'RequestVote' }>;

const vote = (term: number): Vote => ({
  type: 'RequestVote',
  call: 0,
  candidate: 1,
  term,
  lastLogIndex: 0,
  lastLogTerm: 0,
  preVote: false,
});
const CODEC = gorumsKind.codec as unknown as MessageCodec<Vote>;
const REFUSAL = { reason: 'as the replica says', malformed: false };

/** Server 1 of three. */
function setUp(codec = CODEC) {
  const book = new FaultBook();
  const sent: string[] = [];
  const received: string[] = [];
  const peers = new FaultyPeers<Vote>({
    sizeOf: (message) => codec.encode(message).length,
    mayOvertake: (message) => codec.mayOvertake(message),
    peers: [2, 3],
    conditionOf: (peer, way) => book.linkCondition(peer, way),
    environment: { ...MACHINE, next: () => 0.5 },
    send: (envelopes) => sent.push(envelopes.map(({ to, message }) => `${message.term}→${to}`).join(' ')),
    receive: (from, { term }) => {
      received.push(`${term}←${from}`);
      return REFUSAL;
    },
  });
  const set = (id: string, trouble: LinkTrouble, which: readonly number[], ways = { to: true, from: true }) => {
    book.set(id, { kind: 'link', peers: which, ...ways, trouble }, 0, 1000);
    peers.refresh();
  };
  const heal = (id: string) => {
    book.heal(id);
    peers.refresh();
  };
  const sendToBoth = (term: number) => peers.send([2, 3].map((to) => ({ to, message: vote(term) })));
  return { peers, sent, received, set, heal, sendToBoth };
}

describe('faults between a replica and its transport', () => {
  it('pass everything on as it is while there are none', () => {
    const { peers, sent, sendToBoth } = setUp();
    sendToBoth(1);
    expect(sent).toEqual(['1→2 1→3']);
    expect(peers.receive(2, vote(1))).toBe(REFUSAL);
  });

  it('cut one peer, in one direction', () => {
    const { peers, sent, received, set, heal, sendToBoth } = setUp();
    set('a', { kind: 'cut' }, [2], { to: true, from: false });
    sendToBoth(1);
    peers.receive(2, vote(1));
    heal('a');
    set('b', { kind: 'cut' }, [2], { to: false, from: true });
    sendToBoth(2);
    expect(peers.receive(2, vote(2))).toBeUndefined();
    peers.receive(3, vote(2));
    expect(sent).toEqual(['1→3', '2→2 2→3']);
    expect(received).toEqual(['1←2', '2←3']);
  });

  it('delay both directions, and deliver what is under way when they are healed', () => {
    const { peers, sent, received, set, heal, sendToBoth } = setUp();
    set('slow', { kind: 'delay', shape: { kind: 'fixed', us: 5000 } }, [3]);
    sendToBoth(1);
    peers.receive(3, vote(1));
    expect([sent, received]).toEqual([['1→2'], []]);
    vi.advanceTimersByTime(5);
    expect([sent, received]).toEqual([['1→2', '1→3'], ['1←3']]);
    sendToBoth(2);
    heal('slow');
    expect(sent).toEqual(['1→2', '1→3', '2→2', '2→3']);
  });

  it('deliver nothing that came from somebody who was shut out while it was under way', () => {
    const { peers, received, set, heal } = setUp();
    set('slow', { kind: 'delay', shape: { kind: 'fixed', us: 5000 } }, [3]);
    let isShutOut = false;
    peers.receive(3, vote(1), () => !isShutOut);
    peers.receive(3, vote(2), () => true);
    isShutOut = true;
    vi.advanceTimersByTime(5);
    expect(received).toEqual(['2←3']);
    peers.receive(3, vote(3), () => !isShutOut);
    heal('slow');
    expect(received).toEqual(['2←3']);
  });

  it('count the bytes of messages as they are sent', () => {
    const { sent, set, sendToBoth } = setUp({ ...CODEC, mayOvertake: () => false });
    const bytes = gorumsKind.codec.encode(vote(1)).length;
    set('thin', { kind: 'bandwidth', bytesPerSecond: bytes * 100 }, [2]);
    sendToBoth(1);
    sendToBoth(2);
    vi.advanceTimersByTime(10);
    expect(sent.filter((each) => each.endsWith('2'))).toEqual(['1→2']);
    vi.advanceTimersByTime(10);
    expect(sent.filter((each) => each.endsWith('2'))).toEqual(['1→2', '2→2']);
  });

  it('deliver nothing once the server stops', () => {
    const { peers, sent, set, sendToBoth } = setUp();
    set('slow', { kind: 'delay', shape: { kind: 'fixed', us: 5000 } }, []);
    sendToBoth(1);
    peers.close();
    vi.runAllTimers();
    expect(sent).toEqual([]);
  });
});
