import { describe, expect, it } from 'vitest';
import type { HeaderField } from './headerField.ts';
import { HpackDecoder } from './hpackDecoder.ts';
import { encodeFields } from './hpackEncoder.ts';
import { ErrorCode } from './protocol.ts';

const LIST_BYTES_MAX = 16_384;
const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

function decodeWith(decoder: HpackDecoder, block: string | Buffer): [string, string][] {
  const fields: HeaderField[] = [];
  decoder.decode(typeof block === 'string' ? hex(block) : block, fields);
  return fields.map(({ name, value }) => [name, value]);
}
const decode = (block: string | Buffer) => decodeWith(new HpackDecoder(LIST_BYTES_MAX), block);

const WWW: [string, string][] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'www.example.com'],
];
const SECURE: [string, string][] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':path', '/index.html'],
  [':authority', 'www.example.com'],
  ['custom-key', 'custom-value'],
];

describe('the examples of RFC 7541', () => {
  it.each([
    ['C.2.1', '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572', 'custom-key', 'custom-header', 55],
    ['C.2.2', '040c 2f73 616d 706c 652f 7061 7468', ':path', '/sample/path', 0],
    ['C.2.3', '1008 7061 7373 776f 7264 0673 6563 7265 74', 'password', 'secret', 0],
    ['C.2.4', '82', ':method', 'GET', 0],
  ])('%s', (_name, block, name, value, size) => {
    const decoder = new HpackDecoder(LIST_BYTES_MAX);
    expect(decodeWith(decoder, block)).toEqual([[name, value]]);
    expect(decoder.size).toBe(size);
  });

  it.each([
    [
      'C.3, requests',
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ],
    [
      'C.4, requests in Huffman code',
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ],
  ])('%s', (_name, first, second, third) => {
    const decoder = new HpackDecoder(LIST_BYTES_MAX);
    expect(decodeWith(decoder, first)).toEqual(WWW);
    expect(decoder.size).toBe(57);
    expect(decodeWith(decoder, second)).toEqual([...WWW, ['cache-control', 'no-cache']]);
    expect(decoder.size).toBe(110);
    expect(decodeWith(decoder, third)).toEqual(SECURE);
    expect(decoder.size).toBe(164);
  });

  const first: [string, string][] = [
    [':status', '302'],
    ['cache-control', 'private'],
    ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
    ['location', 'https://www.example.com'],
  ];
  const third: [string, string][] = [
    [':status', '200'],
    ['cache-control', 'private'],
    ['date', 'Mon, 21 Oct 2013 20:13:22 GMT'],
    ['location', 'https://www.example.com'],
    ['content-encoding', 'gzip'],
    ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
  ];
  it.each([
    [
      'C.5, responses',
      `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e
       1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
      '4803 3330 37c1 c0bf',
      `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d
       4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572
       7369 6f6e 3d31`,
    ],
    [
      'C.6, responses in Huffman code',
      `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b
       97c8 e9ae 82ae 43d3`,
      '4883 640e ffc1 c0bf',
      `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf
       cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
    ],
  ])('%s, in a table of 256 bytes', (_name, ...blocks) => {
    const decoder = new HpackDecoder(LIST_BYTES_MAX);
    decodeWith(decoder, '3fe101');
    expect(decodeWith(decoder, blocks[0])).toEqual(first);
    expect(decoder.size).toBe(222);
    expect(decodeWith(decoder, blocks[1])).toEqual([[':status', '307'], ...first.slice(1)]);
    expect(decoder.size).toBe(222);
    expect(decodeWith(decoder, blocks[2])).toEqual(third);
    expect(decoder.size).toBe(215);
  });
});

describe('a header block', () => {
  it.each([
    ['index 0', '80'],
    ['an index beyond both tables', 'be'],
    ['a literal whose name has no such index', '7f00 0161'],
    ['a table larger than allowed', '3fe2 1f'],
    ['a table size update behind a field', '82 20'],
    ['an integer without an end', 'ff ffff ffff ffff ff'],
    ['an integer of zeros without an end', 'ff 8080 8080 8080 8080 8080 8080 8000'],
    ['an integer that is cut short', 'ff'],
    ['a text that is cut short', '40 0a 6375'],
    ['a name without a value', '40 01 61'],
    ['padding of more than seven bits', '40 01 61 82 1fff'],
    ['padding of zeros', '40 01 61 81 18'],
    ['the end of string as a symbol', '40 01 61 84 ffff ffff'],
  ])('with %s ends the connection', (_what, block) => {
    expect(() => decode(block)).toThrow(expect.objectContaining({ code: ErrorCode.CompressionError }));
  });

  it('may make the table smaller and larger again, which empties it', () => {
    const decoder = new HpackDecoder(LIST_BYTES_MAX);
    decodeWith(decoder, '400161 0162');
    expect(decodeWith(decoder, 'be')).toEqual([['a', 'b']]);
    expect(decodeWith(decoder, '20 3fe11f 82')).toEqual([[':method', 'GET']]);
    expect(decoder.size).toBe(0);
    expect(() => decodeWith(decoder, 'be')).toThrow();
  });

  it('keeps a bounded table however many fields come', () => {
    const decoder = new HpackDecoder(LIST_BYTES_MAX);
    for (let i = 0; i < 300; i++) {
      const value = Buffer.from(`value ${i}`);
      decodeWith(decoder, Buffer.concat([Buffer.of(0x40, 1, 0x61, value.length), value]));
      expect(decodeWith(decoder, 'be')).toEqual([['a', `value ${i}`]]);
      expect(decoder.size).toBeLessThanOrEqual(4096);
    }
    const tooLarge = Buffer.alloc(5000, 'x');
    decodeWith(decoder, Buffer.concat([Buffer.from([0x40, 1, 0x61, 0x7f, 0x89, 0x26]), tooLarge]));
    expect(decoder.size).toBe(0);
  });

  it('left fields in memory that were too large for the table, as long as few came after them', () => {
    const decoder = new HpackDecoder(LIST_BYTES_MAX);
    const large = Buffer.concat([hex('400161 7f817f'), Buffer.alloc(16_384, 'x')]);
    for (let i = 0; i < 3; i++) decodeWith(decoder, large);
    expect(decoder.size).toBe(0);
    expect(JSON.stringify(decoder).length).toBeLessThan(1000);
  });

  it('of few bytes that means a list of many is cut, and the next is read as ever', () => {
    const decoder = new HpackDecoder(LIST_BYTES_MAX);
    const value = Buffer.alloc(1000, 'x');
    decodeWith(decoder, Buffer.concat([Buffer.from([0x40, 1, 0x61, 0x7f, 0xe9, 0x06]), value]));
    const fields = decodeWith(decoder, Buffer.alloc(10_000, 0xbe));
    expect(decoder.wasTooLarge).toBe(true);
    expect(fields.length).toBe(15);
    expect(decodeWith(decoder, '82')).toEqual([[':method', 'GET']]);
    expect(decoder.wasTooLarge).toBe(false);
  });

  it('that is the same as the last one is told from one that means something else by now', () => {
    const decoder = new HpackDecoder(LIST_BYTES_MAX);
    const fields: HeaderField[] = [];
    const values = () => fields.map(({ value }) => value);
    decoder.decode(hex('400161 0162'), fields);
    expect(decoder.decode(hex('be'), fields)).toBe(true);
    expect(decoder.decode(hex('be'), fields)).toBe(false);
    expect(values()).toEqual(['b']);
    expect(decoder.decode(hex('400161 0163'), fields)).toBe(true);
    expect(decoder.decode(hex('400161 0163'), fields)).toBe(true);
    expect(decoder.decode(hex('be'), fields)).toBe(true);
    expect(values()).toEqual(['c']);
    expect(decoder.decode(hex('bebe'), fields)).toBe(true);
    expect(values()).toEqual(['c', 'c']);
    decoder.decode(hex('20'), fields);
    expect(() => decoder.decode(hex('be'), fields)).toThrow();
  });

  it('is decoded as it was encoded', () => {
    const fields: [string, string][] = [
      [':status', '200'],
      [':status', '415'],
      ['content-type', 'application/grpc'],
      ['grpc-status', '0'],
      ['grpc-message', 'x'.repeat(127)],
      ['grpc-message', 'ü'.repeat(20_000).slice(0, 5000)],
      ['www-authenticate', ''],
    ];
    expect(decode(encodeFields(fields))).toEqual(fields);
  });
});
