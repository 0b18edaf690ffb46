import { describe, expect, it } from 'vitest';
import { Books } from './books.ts';

describe('the books of a bank', () => {
  const books = new Books('7', 2, 100);
  books.written(0, 100);
  books.written(1, 100);

  it('know what was written last', () => {
    expect(books.wrongBalance(0, '100')).toBeUndefined();
    books.written(0, 60);
    expect(books.wrongBalance(0, '100')).toBe('account bank/7/0 holds 100, where 60 was written last');
    expect(books.wrongBalance(0, undefined)).toBe('account bank/7/0 holds nothing, where 60 was written last');
    expect(books.wrongBalance(0, '60')).toBeUndefined();
  });

  it('know what all accounts hold together', () => {
    expect(books.wrongSum([60, 140])).toBeUndefined();
    expect(books.wrongSum([60, 100])).toBe('the accounts of teller 7 hold 160, expected 200');
  });
});
