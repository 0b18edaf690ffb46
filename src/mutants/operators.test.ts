import { describe, expect, it } from 'vitest';
import { mutantsOf } from './operators.ts';

function named(source: string): string[] {
  return mutantsOf('f.ts', source).map(({ key }) => key.replace('f.ts ', ''));
}

describe('the mistakes of a file', () => {
  it('are made in every condition, bound and half', () => {
    expect(named('class A { #m(a: number, b: number) { if (a < b && !this.done) throw new Error(); } }')).toEqual([
      'A.#m: drop if (a < b && !this.done) throw new Error();',
      'A.#m: negate a < b && !this.done → !(a < b && !this.done)',
      'A.#m: half a < b && !this.done → a < b',
      'A.#m: half a < b && !this.done → !this.done',
      'A.#m: negate a < b → a >= b',
      'A.#m: bound a < b → a <= b',
      'A.#m: negate !this.done → this.done',
    ]);
  });

  it('drop statements, and change the order of those that may see each other', () => {
    expect(named('function f(a: A) { a.persist(); a.send(); a.x = 1; a.y = 2; }')).toEqual([
      'f: drop a.persist();',
      'f: swap a.persist(); a.send(); → a.send(); a.persist();',
      'f: drop a.send();',
      'f: swap a.send(); a.x = 1; → a.x = 1; a.send();',
      'f: drop a.x = 1;',
      'f: drop a.y = 2;',
    ]);
  });

  it('keep the parentheses of operands', () => {
    expect(named('const f = (a?: A, b = 1) => (a?.x ?? 0) <= (b || 2);')).toEqual([
      ': negate (a?.x ?? 0) <= (b || 2) → (a?.x ?? 0) > (b || 2)',
      ': bound (a?.x ?? 0) <= (b || 2) → (a?.x ?? 0) < (b || 2)',
      ': half b || 2 → b',
      ': half b || 2 → 2',
    ]);
    expect(named('const f = (a: number, b: number) => g((a < b));')).toEqual([
      ': negate a < b → a >= b',
      ': bound a < b → a <= b',
    ]);
  });

  it('move what is off by one, and exchange least and greatest', () => {
    expect(named('const f = (a: number[]) => Math.min(a.length - 1, a[0]! + 2);')).toEqual([
      ': extreme Math.min(a.length - 1, a[0]! + 2) → Math.max(a.length - 1, a[0]! + 2)',
      ': clamp Math.min(a.length - 1, a[0]! + 2) → a.length - 1',
      ': clamp Math.min(a.length - 1, a[0]! + 2) → a[0]! + 2',
      ': off by one a.length - 1 → a.length',
    ]);
    expect(named('const f = (a: number[]) => Math.min(1, ...a);')).toEqual([
      ': extreme Math.min(1, ...a) → Math.max(1, ...a)',
    ]);
  });

  it('are made where something is done before it is checked whether it may be, or beside a loop that sees it', () => {
    const moves = (source: string) => named(source).filter((name) => name.includes(': move'));
    expect(moves('function f(a: A) { if (a.done) return; a.persist(); send(1); }')).toEqual([
      'f: move if (a.done) return; a.persist(); → a.persist(); if (a.done) return;',
    ]);
    expect(moves('function f(a: A) { for (const x of a.all) g(x); a.all = []; b.y = 1; }')).toEqual([
      'f: move for (const x of a.all) g(x); a.all = []; → a.all = []; for (const x of a.all) g(x);',
    ]);
    expect(moves('function f(a: A) { if (a.done) return; if (b) return; g(); }')).toHaveLength(1);
    expect(moves("function f(a: A) { if (a.x < 1) broken('rule', a.x); a.y = 1; }")).toEqual([]);
    expect(moves('function f(a: A) { if (a.x) g(a); b.events.push(a); for (const x of y) h(x); }')).toEqual([]);
  });

  it('let go at once what waits for a write, and assign anew what is assigned once', () => {
    expect(named('function f(a: A) { a.out.sendAfterPersist(1, m); }')).toContain(
      'f: early a.out.sendAfterPersist(1, m) → a.out.send(1, m)',
    );
    expect(named('function f(a: A) { a.outboxAfterAppend.push(m); }')).toContain(
      'f: early a.outboxAfterAppend.push(m) → a.outbox.push(m)',
    );
    expect(
      named('function f(a: A) { a.at ||= 1; a.by ??= 2; a.to = 3; }').filter((name) => name.includes('over')),
    ).toEqual(['f: overwrite a.at ||= 1 → a.at = 1', 'f: overwrite a.by ??= 2 → a.by = 2']);
  });

  it('leave what is evaluated once, types, and what must come first', () => {
    expect(named('export const LIMIT = 3 < 4 ? 1 : 2; type T = A extends B ? 1 : 2;')).toEqual([]);
    expect(named('class A extends B { constructor() { super(); this.a = 1; } }')).toEqual([
      'A.constructor: drop this.a = 1;',
    ]);
    const source = 'class A { constructor() { this.a = new X(); this.b = f(); this.c = g(this.b); } }';
    expect(named(source).filter((name) => name.includes('swap'))).toEqual([
      'A.constructor: swap this.b = f(); this.c = g(this.b); → this.c = g(this.b); this.b = f();',
    ]);
  });

  it('leave the order of assignments to names that only begin alike, and of nothing else', () => {
    const swaps = (source: string) => named(source).filter((name) => name.includes('swap'));
    expect(swaps('function f(a: A) { a.record = b; a.recordEnd = c; }')).toEqual([]);
    expect(swaps('function f(a: A) { a.record = b; a.record.end = c; }')).toHaveLength(1);
    expect(swaps('function f(a: A) { a.end = b; a.recordEnd = a.end; }')).toHaveLength(1);
  });

  it('turn truths round where they are given away', () => {
    expect(named('function f(a = true) { g(false); return { a: true }; }')).toEqual([
      'f: flip true → false',
      'f: drop g(false);',
      'f: flip false → true',
      'f: flip true → false (2)',
    ]);
  });

  it('do not move a bound that would leave nothing to decide', () => {
    expect(named('const f = (a: string[]) => a.length > 0;')).toEqual([': negate a.length > 0 → a.length <= 0']);
  });

  it('leave what is only reported', () => {
    expect(named("function f() { out.events.push(a ? 'x' : 'y'); if (a) state.outbox.event('z'); }")).toEqual([]);
  });

  it('have names that do not move with their lines, and are told apart where they look the same', () => {
    const statements = 'f(); if (a) return; f(); if (a) return; g();';
    const once = mutantsOf('f.ts', `function h() { ${statements} }`);
    const later = mutantsOf('f.ts', `\n\n\nfunction h() {\n ${statements} }`);
    expect(later.map(({ key }) => key)).toEqual(once.map(({ key }) => key));
    expect(later.every(({ line }, i) => line > once[i]!.line)).toBe(true);
    expect(new Set(once.map(({ key }) => key)).size).toBe(once.length);
  });
});
