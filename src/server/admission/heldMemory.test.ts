import { describe, expect, it } from 'vitest';
import { HeldMemory, type Holder } from './heldMemory.ts';

/** Holds pieces and lets go of the largest first. */
class Client implements Holder {
  isPeer = false;
  readonly pieces: number[];
  constructor(...pieces: number[]) {
    this.pieces = pieces.sort((a, b) => b - a);
  }
  heldBytes(): number {
    return this.pieces.reduce((sum, bytes) => sum + bytes, 0);
  }
  letGo(bytes: number): number {
    let freed = 0;
    while (freed < bytes && this.pieces.length > 0) freed += this.pieces.shift()!;
    return freed;
  }
}

describe('the memory that clients make a server hold', () => {
  it('is bounded for all together: whoever holds most is let go', () => {
    const hogs = [new Client(300, 100), new Client(350)];
    const modest = [new Client(90), new Client(60, 20)];
    const memory = new HeldMemory(
      900,
      () => [...modest, ...hogs],
      () => 0,
    );
    memory.grow(920);
    expect(hogs.map((hog) => hog.heldBytes())).toEqual([100, 350]);
    expect(modest.map((client) => client.heldBytes())).toEqual([90, 80]);
    expect(memory.lastCountBytes).toBe(620);
  });

  it('lets go of peers last', () => {
    const peer = new Client(500);
    peer.isPeer = true;
    const clients = [new Client(100), new Client(200)];
    const memory = new HeldMemory(
      800,
      () => [peer, ...clients],
      () => 0,
    );
    memory.grow(801);
    expect([peer, ...clients].map((each) => each.heldBytes())).toEqual([500, 100, 200]);
    peer.pieces.push(100);
    memory.grow(801);
    expect([peer, ...clients].map((each) => each.heldBytes())).toEqual([600, 0, 0]);
    peer.pieces.push(300);
    memory.grow(801);
    expect(peer.heldBytes()).toBeLessThanOrEqual(600);
  });

  it('counts what nobody can be let go for', () => {
    const client = new Client(50, 50);
    const memory = new HeldMemory(
      200,
      () => [client],
      () => 150,
    );
    memory.grow(250);
    expect(client.heldBytes()).toBe(0);
  });

  it('is counted only where it could matter', () => {
    let counts = 0;
    const holders = () => {
      counts++;
      return [new Client(40)];
    };
    const memory = new HeldMemory(100, holders, () => 0);
    memory.grow(100);
    expect(counts).toBe(0);
    memory.grow(1);
    expect(counts).toBe(1);
    memory.grow(60);
    expect(counts).toBe(1);
    memory.grow(1);
    expect(counts).toBe(2);
  });

  it('has room for what is not held yet, counts again where much was read, and once in a turn', () => {
    const client = new Client(600);
    let counts = 0;
    const holders = () => {
      counts++;
      return [client];
    };
    const memory = new HeldMemory(1000, holders, () => 0);
    memory.grow(600);
    expect(memory.hasRoomFor(400)).toBe(true);
    expect(counts).toBe(0);
    expect(memory.hasRoomFor(500)).toBe(false);
    expect(memory.hasRoomFor(500)).toBe(false);
    expect(counts).toBe(1);
    client.pieces.pop();
    memory.grow(1);
    expect(memory.hasRoomFor(500)).toBe(true);
  });
});
