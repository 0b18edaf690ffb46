import { describe, expect, it } from 'vitest';
import { valuesOnly } from '../testing/valuesOnly.ts';
import { WriteAudit } from './writeAudit.ts';

const mark = 'thisRun-';
const payloadBytes = 20;
const text = new TextDecoder();

function newAudit(keyspace = 10) {
  const audit = new WriteAudit(valuesOnly(payloadBytes), { mark, keyspace, payloadBytes });
  return {
    audit,
    begin(slot: number, key: number): string {
      audit.issued(slot, false, key);
      return text.decode(audit.workload.nextValue(slot));
    },
    acknowledge: (slot: number) => audit.completed(false, 0, 0, slot),
  };
}

describe('WriteAudit', () => {
  it('gives every write a value of its own, as long as asked for', () => {
    const { begin } = newAudit();
    const values = [begin(0, 1), begin(1, 1), begin(2, 2)];
    expect(new Set(values).size).toBe(3);
    expect(values.every((value) => value.length === payloadBytes && value.startsWith(mark))).toBe(true);
  });

  it('takes the last of two writes, one after the other, and no other', () => {
    const { audit, begin, acknowledge } = newAudit();
    const first = begin(0, 1);
    acknowledge(0);
    const second = begin(0, 1);
    acknowledge(0);
    expect(audit.judge(1, second)).toBe('good');
    expect(audit.judge(1, first)).toBe('stale');
    expect(audit.judge(1, undefined)).toBe('lost');
    expect(audit.acknowledged).toBe(2);
  });

  it('marks the value of the slot that it is for, whatever was begun meanwhile', () => {
    const { audit, acknowledge } = newAudit();
    audit.issued(0, false, 1);
    audit.issued(1, false, 2);
    const valueIn = (slot: number) => text.decode(audit.workload.nextValue(slot));
    const [second, first] = [valueIn(1), valueIn(0)];
    acknowledge(0);
    acknowledge(1);
    expect([audit.judge(1, first), audit.judge(2, second)]).toEqual(['good', 'good']);
    expect([audit.judge(1, second), audit.judge(2, first)]).toEqual(['garbled', 'garbled']);
  });

  it('follows keys that were not there at first', () => {
    const { audit, begin, acknowledge } = newAudit(10);
    const value = begin(0, 123);
    expect(audit.judge(123, undefined)).toBe('good');
    acknowledge(0);
    expect(audit.keysToRead()).toEqual([123]);
    expect([audit.judge(123, value), audit.judge(123, undefined)]).toEqual(['good', 'lost']);
  });

  it('takes either of two writes at the same time', () => {
    const { audit, begin, acknowledge } = newAudit();
    const one = begin(0, 1);
    const other = begin(1, 1);
    acknowledge(1);
    acknowledge(0);
    expect([audit.judge(1, one), audit.judge(1, other)]).toEqual(['good', 'good']);
  });

  it('takes a write without an answer, or its absence', () => {
    const { audit, begin, acknowledge } = newAudit();
    const before = begin(0, 1);
    acknowledge(0);
    const unknown = begin(0, 1);
    audit.failed(false, 'timeout', 0, 0, 0);
    expect([audit.judge(1, before), audit.judge(1, unknown)]).toEqual(['good', 'good']);
    begin(0, 2);
    audit.failed(false, 'timeout', 0, 0, 0);
    expect(audit.judge(2, undefined)).toBe('good');
    expect(audit.keysToRead()).toEqual([1]);
  });

  it('refuses a value of another key, one never written, and one of somebody else', () => {
    const { audit, begin, acknowledge } = newAudit();
    const value = begin(0, 1);
    acknowledge(0);
    begin(0, 2);
    acknowledge(0);
    expect(audit.judge(2, value)).toBe('garbled');
    expect(audit.judge(1, `${mark}AAAAAAzzxxxx`)).toBe('garbled');
    expect(audit.judge(1, value.slice(0, -1))).toBe('garbled');
    expect(audit.judge(1, mark)).toBe('garbled');
    expect(audit.judge(1, 'otherRunAAAAAAAAxxxx')).toBe('foreign');
    expect(audit.judge(3, 'otherRunAAAAAAAAxxxx')).toBe('good');
  });

  it('does not follow lookups', () => {
    const { audit } = newAudit();
    audit.issued(0, true, 1);
    audit.completed(true, 0, 0, 0);
    expect(audit.acknowledged).toBe(0);
    expect(audit.keysToRead()).toEqual([]);
  });

  it('follows a thousand keys of a large keyspace', () => {
    const { audit, begin, acknowledge } = newAudit(1_000_000);
    for (const key of [0, 1, 999, 1000, 999_000]) {
      begin(0, key);
      acknowledge(0);
    }
    expect(audit.keysToRead()).toEqual([0, 1000, 999_000]);
  });

  it('still knows old writes for stale after dropping them, and open ones for good', () => {
    const { audit, begin, acknowledge } = newAudit();
    const first = begin(0, 1);
    acknowledge(0);
    const open = begin(7, 2);
    let last = first;
    for (let n = 0; n < 200_000; n++) {
      last = begin(0, 1);
      acknowledge(0);
    }
    acknowledge(7);
    expect(audit.judge(1, first)).toBe('stale');
    expect(audit.judge(1, last)).toBe('good');
    expect(audit.judge(2, open)).toBe('good');
  });

  it('keeps more open writes than it first has room for', () => {
    const { audit, begin, acknowledge } = newAudit();
    const values: string[] = [];
    for (let slot = 0; slot < 150_000; slot++) values.push(begin(slot, slot % 10));
    for (let slot = 0; slot < values.length; slot++) acknowledge(slot);
    expect(audit.judge(3, values[3]!)).toBe('good');
    expect(audit.judge(9, values[149_999]!)).toBe('good');
  });
});
