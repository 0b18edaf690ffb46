import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printable, printableJson, printableLines, printableWhole } from './printable.ts';

/** Whether a terminal would take a part of the text for an order, or show another text than is there. */
function acts(text: string): boolean {
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return true;
    if ((code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069)) return true;
    if ([0x061c, 0x200e, 0x200f, 0x2028, 0x2029, 0xfeff, 0x200b].includes(code)) return true;
    if (code >= 0xd800 && code <= 0xdfff) return true;
    if (code >= 0xe0000 && code <= 0xe007f) return true;
  }
  return false;
}

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 50 }).map((codes) => String.fromCharCode(...codes)),
  fc.array(fc.integer({ min: 0x2000, max: 0x206f }), { maxLength: 50 }).map((codes) => String.fromCharCode(...codes)),
  fc.array(fc.integer({ min: 0, max: 0xff }), { maxLength: 50 }).map((codes) => String.fromCharCode(...codes)),
);

describe('printable', () => {
  it('shows what terminals act on, and leaves what people write', () => {
    expect(printable('\x1b[31mred\x07')).toBe('\\x1b[31mred\\x07');
    expect(printable('\u009b2J\x7f')).toBe('\\x9b2J\\x7f');
    expect(printable('a\nb\r\tc')).toBe('a\\nb\\r\\tc');
    expect(printable('user\u202etxt.exe')).toBe('user\\u202etxt.exe');
    expect(printable('\ufeffk\u2028\u200b')).toBe('\\ufeffk\\u2028\\u200b');
    expect(printable('\ud800 \u{e0041}')).toBe('\\ud800 \\u{e0041}');
    expect(printable('a\u3164b\u115f\u034f\u2800')).toBe('a\\u3164b\\u115f\\u034f\\u2800');
    for (const text of ['C:\\new', 'größer', 'नमस्ते', '👩\u200d💻', '❤\ufe0f', '葛\u{e0100}', 'می\u200cخواهم', '\ufffd'])
      expect(printable(text)).toBe(text);
  });

  it('is never long, however long the text', () => {
    expect(printable('x'.repeat(5_000_000))).toBe(`${'x'.repeat(200)}… (5000000 characters)`);
    expect(printable('\x1b'.repeat(5_000_000)).length).toBeLessThan(1000);
    expect(printable('ab😀c', 3)).toBe('ab… (5 characters)');
    expect(printableWhole('x'.repeat(1000))).toHaveLength(1000);
  });

  it('lets nothing through, whatever it is given', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(acts(printable(text))).toBe(false);
        expect(acts(printableWhole(text))).toBe(false);
        expect(acts(printableLines(text).replaceAll(/[\n\t]/g, ''))).toBe(false);
        expect(printableLines(text).split('\n')).toHaveLength(text.split('\n').length);
      }),
    );
  });

  it('changes no JSON value', () => {
    fc.assert(
      fc.property(fc.dictionary(anyText, fc.oneof(anyText, fc.integer(), fc.constant(null))), (value) => {
        const text = printableJson(value);
        expect(acts(text)).toBe(false);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(JSON.parse(printableJson(value, 2))).toEqual(JSON.parse(text));
      }),
    );
  });
});
