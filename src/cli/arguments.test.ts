import { describe, expect, it } from 'vitest';
import { ArgumentEncodingError, readArguments } from './arguments.ts';

const commandLine = (...args: (string | number[])[]) =>
  Buffer.concat(args.map((arg) => Buffer.from([...Buffer.from(arg as string), 0])));

describe('readArguments', () => {
  it('hands over what was typed', () => {
    const never = () => {
      throw new Error('needs no look at /proc');
    };
    expect(readArguments(['get', 'größe', '\ufeffk', ''], never)).toEqual(['get', 'größe', '\ufeffk', '']);
  });

  it('tells a U+FFFD that was typed from one that Node.js put there', () => {
    const typed = () => commandLine('node', 'rkvctl', 'get', 'k\ufffd', '');
    expect(readArguments(['get', 'k\ufffd', ''], typed)).toEqual(['get', 'k\ufffd', '']);
    const damaged = () => commandLine('node', 'rkvctl', 'put', [0x6b, 0xff], 'one');
    expect(() => readArguments(['put', 'k\ufffd', 'one'], damaged)).toThrow(
      new ArgumentEncodingError('argument 2 is not UTF-8 (its bytes are 6b ff): expected a text that is'),
    );
    const both = () => commandLine('node', 'rkvctl', 'put', 'k\ufffd', [0xed, 0xa0, 0x80]);
    expect(() => readArguments(['put', 'k\ufffd', '\ufffd\ufffd\ufffd'], both)).toThrow('argument 3 is not UTF-8');
    // The path of the program is none of ours to judge.
    const elsewhere = () => commandLine([0xff], [0xff, 0x2f], 'get', 'k\ufffd');
    expect(readArguments(['get', 'k\ufffd'], elsewhere)).toEqual(['get', 'k\ufffd']);
  });

  it('refuses what it cannot tell', () => {
    expect(() => readArguments(['get', 'k\ufffd'], () => undefined)).toThrow(ArgumentEncodingError);
  });
});
