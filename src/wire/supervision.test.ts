import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeNotice, type Notice, NoticeReader } from './supervision.ts';

const text = fc.string({ unit: 'binary', maxLength: 300 });
const notice: fc.Arbitrary<Notice> = fc.oneof(
  fc.record({ kind: fc.constant('refuses-data' as const), error: text, why: text }),
  fc.constant({ kind: 'address-in-use' as const }),
  fc.record({ kind: fc.constant('waits' as const), why: text }),
);

describe('notices', () => {
  it('come back as they went, in whatever pieces', () => {
    fc.assert(
      fc.property(fc.array(notice, { maxLength: 5 }), fc.integer({ min: 1, max: 40 }), (notices, size) => {
        const reader = new NoticeReader();
        const line = notices.map(encodeNotice).join('');
        const found: Notice[] = [];
        for (let at = 0; at < line.length; at += size) found.push(...reader.push(line.slice(at, at + size)));
        expect(found).toEqual(notices);
      }),
    );
  });

  it('stand between lines that are none', () => {
    const nonsense = ['', 'no JSON', 'null', '7', '[]', '{}', '{"kind":"waits"}', '{"kind":"refuses-data","why":"a"}'];
    const later = '{"kind":"on-holiday","why":"sun"}';
    const one: Notice = { kind: 'waits', why: 'it waits' };
    expect(new NoticeReader().push([...nonsense, later, encodeNotice(one)].join('\n'))).toEqual([one]);
  });

  it('are bounded, and so is what is kept of a line without an end', () => {
    const long = 'x'.repeat(100_000);
    const reader = new NoticeReader();
    expect(reader.push(encodeNotice({ kind: 'waits', why: long }))[0]).toEqual({
      kind: 'waits',
      why: 'x'.repeat(2000),
    });
    expect(reader.push(long)).toEqual([]);
    expect(reader.push(encodeNotice({ kind: 'address-in-use' }))).toEqual([{ kind: 'address-in-use' }]);
  });
});
