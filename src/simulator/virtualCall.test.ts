import { describe, expect, it } from 'vitest';
import { Census } from './census.ts';
import { Random } from './random.ts';
import type { Surroundings } from './surroundings.ts';
import { Timeline } from './timeline.ts';
import { Trace } from './trace.ts';
import { VirtualCall } from './virtualCall.ts';
import { VirtualNetwork } from './virtualNetwork.ts';

const CLIENT = 8;
const SERVER = 1;
const UNRULY = { lossChance: 0.2, duplicateChance: 0.2, reorders: true };
const PLAN = { delayMinUs: 10, delayMeanUs: 1000, tailChance: 0, tailMeanUs: 1 };
const ORDERLY = { lossChance: 0, duplicateChance: 0, reorders: false };

function setUp(faults = ORDERLY, accepts = true) {
  const timeline = new Timeline();
  const census = new Census();
  const trace = new Trace(timeline);
  const network = new VirtualNetwork(timeline, new Random(3), census, trace, { ...PLAN, ...faults });
  const around = { timeline, census, trace, network } as unknown as Surroundings;
  const call = new VirtualCall(around, CLIENT, { id: SERVER, accept: () => accepts });
  const atServer: string[] = [];
  const atClient: string[] = [];
  call.server.on('data', (bytes: Buffer) => atServer.push(String(bytes)));
  call.server.on('close', () => atServer.push('closed'));
  call.client.on('data', (bytes: Buffer) => atClient.push(String(bytes)));
  call.client.on('error', ({ details }: { details: string }) => atClient.push(details));
  const settle = () => {
    while (timeline.step());
  };
  const ask = (...texts: string[]) => texts.map((text) => call.client.write(Buffer.from(text)));
  const answer = (...texts: string[]) => {
    for (const text of texts) call.server.write(Buffer.from(text), () => {});
  };
  return { call, network, atServer, atClient, settle, ask, answer };
}

const texts = (count: number) => Array.from({ length: count }, (_, i) => `${i}`);

describe('a virtual call', () => {
  it('carries everything in order and once, over a network that does neither', () => {
    const { ask, answer, settle, atServer, atClient } = setUp(UNRULY);
    ask(...texts(100));
    answer(...texts(100));
    settle();
    expect(atServer).toEqual(texts(100));
    expect(atClient).toEqual(texts(100));
  });

  it('is refused where nobody listens', () => {
    const { settle, atClient } = setUp(ORDERLY, false);
    settle();
    expect(atClient).toEqual(['nobody listens']);
  });

  it('waits for a link that is cut, and goes on when it is mended', () => {
    const { call, network, ask, atServer, settle } = setUp();
    settle();
    const mend = network.cut({ kind: 'one-way partition', pairs: [[CLIENT, SERVER]] });
    ask('one', 'two');
    mend();
    expect(atServer).toEqual([]);
    settle();
    expect(atServer).toEqual(['one', 'two']);
    expect(call.isOpen).toBe(true);
  });

  it('that is reset loses what is under way, both ways, and both ends hear of it', () => {
    const { call, ask, answer, settle, atServer, atClient } = setUp();
    ask('one');
    settle();
    ask('two');
    answer('to one');
    call.reset();
    settle();
    expect(atServer).toEqual(['one', 'closed']);
    expect(atClient).toEqual(['the connection was reset']);
    expect(call.isOpen).toBe(false);
  });

  it('can lose one end without a word to the other', () => {
    const server = setUp();
    server.call.loseServer();
    server.ask('one');
    server.settle();
    expect(server.atServer).toEqual(['closed']);
    expect(server.atClient).toEqual([]);
    const client = setUp();
    client.call.loseClient();
    client.answer('one');
    client.settle();
    expect(client.atServer).toEqual([]);
    expect(client.atClient).toEqual(['the connection was reset']);
  });

  it('ends with the process at its other end: at once where the machine says so, or with the next message', () => {
    const told = setUp();
    told.settle();
    told.call.server.processEnded(false);
    told.settle();
    expect(told.atClient).toEqual(['the connection was reset']);
    const silent = setUp();
    silent.settle();
    silent.call.server.processEnded(true);
    silent.settle();
    expect(silent.atClient).toEqual([]);
    silent.ask('one');
    silent.settle();
    expect(silent.atServer).toEqual([]);
    expect(silent.atClient).toEqual(['the connection was reset']);
  });

  it('keeps what comes while the handler has paused, and hands it out in order', () => {
    const { call, ask, settle, atServer } = setUp();
    call.server.pause();
    ask('one', 'two');
    settle();
    expect(atServer).toEqual([]);
    expect(call.server.isPaused()).toBe(true);
    call.server.resume();
    ask('three');
    settle();
    expect(atServer).toEqual(['one', 'two', 'three']);
  });

  it('tells a client that writes much to wait, and when to go on', () => {
    const { call, ask, settle } = setUp();
    let drained = 0;
    call.client.on('drain', () => drained++);
    expect(ask(...texts(6))).toEqual([true, true, true, true, false, false]);
    settle();
    expect(drained).toBe(1);
    expect(ask('more')).toEqual([true]);
  });

  it('that the client cancels is closed at the server once that hears of it', () => {
    const { call, answer, settle, atServer, atClient } = setUp();
    settle();
    answer('too late');
    call.client.cancel();
    settle();
    expect(atServer).toEqual(['closed']);
    expect(atClient).toEqual([]);
  });
});
