import { exponential } from '../faults/distributions.ts';

/**
 * The simulator's only source of chance: sfc32 (Chris Doty-Humphrey, PractRand), seeded through splitmix32. A stream forks
 * into named streams that do not depend on how much was drawn from the parent, so that one part of a world
 * drawing more numbers does not change what another part draws.
 */
export class Random {
  /** All streams that were forked from one. */
  private readonly family: Random[];
  /** Of the streams that are forked from this one. */
  private seed: number;
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  /** `seed` is any safe integer of at least 0. */
  constructor(seed: number, family: Random[] = []) {
    this.seed = seed;
    this.family = family;
    family.push(this);
    const mix = splitmix32((seed >>> 0) ^ Math.imul(Math.floor(seed / 2 ** 32) + 1, 0x9e3779b1));
    this.a = mix();
    this.b = mix();
    this.c = mix();
    for (let i = 0; i < WARM_UP_DRAWS; i++) this.uint32();
  }

  uint32(): number {
    const sum = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum;
    this.c |= 0;
    return sum >>> 0;
  }

  /** Uniform in [0, 1). */
  readonly next = (): number => this.uint32() / 2 ** 32;

  /** A whole number in [0, below). */
  int(below: number): number {
    return Math.floor(this.next() * below);
  }

  /** A whole number in [low, high]. */
  between(low: number, high: number): number {
    return low + this.int(high - low + 1);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** Exponentially distributed with this mean, as a whole number of at least 1. */
  exponential(mean: number): number {
    return exponential(this.next, mean);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.int(items.length)]!;
  }

  /** A permutation of `items`. */
  shuffled<T>(items: readonly T[]): T[] {
    const result = [...items];
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.int(i + 1);
      [result[i], result[j]] = [result[j]!, result[i]!];
    }
    return result;
  }

  fork(name: string): Random {
    let hash = 0x811c9dc5;
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
    const low = (hash ^ this.seed) >>> 0;
    const high = (Math.imul(hash, 0x85ebca6b) ^ Math.floor(this.seed / 2 ** 32)) & 0x1fffff;
    return new Random(high * 2 ** 32 + low, this.family);
  }

  /** From now on this stream, all that were forked from the same one, and all that are yet to be, draw otherwise than they would have. */
  vary(variation: number): void {
    for (const stream of this.family) stream.turn(variation);
  }

  private turn(variation: number): void {
    const mix = splitmix32(variation);
    this.a ^= mix();
    this.b ^= mix();
    this.c ^= mix();
    const low = (mix() ^ this.seed) >>> 0;
    const high = (mix() ^ Math.floor(this.seed / 2 ** 32)) & 0x1fffff;
    this.seed = high * 2 ** 32 + low;
    for (let i = 0; i < WARM_UP_DRAWS; i++) this.uint32();
  }
}

const WARM_UP_DRAWS = 12;

function splitmix32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state ^ (state >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return (z ^ (z >>> 15)) | 0;
  };
}
