import fc from 'fast-check';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { defineFlags, flagDefaults, parseFlags, UsageError } from './goFlags.ts';
import { formatDuration, parseBool, parseDurationMs, parseFloat64, parseInteger } from './goValues.ts';

const FLAGS = defineFlags({
  id: { kind: 'int', default: 0, usage: 'this server' },
  servers: { kind: 'string', default: ':9201', usage: 'comma separated `addresses`' },
  backend: { kind: 'choice', default: 'gorums', choices: ['gorums', 'etcd'], usage: 'the engine' },
  batch: { kind: 'bool', default: true, usage: 'batching' },
  quiet: { kind: 'bool', default: false, usage: 'no log' },
  reads: { kind: 'float', default: 0, min: 0, max: 1, usage: 'fraction of reads' },
  election: { kind: 'duration', default: 1000, usage: 'election timeout' },
});

const values = (...argv: string[]) => parseFlags(FLAGS, argv).values;
const failure = (...argv: string[]) => {
  try {
    parseFlags(FLAGS, argv);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error('no UsageError');
};

describe('parseFlags', () => {
  it('takes every form of a value', () => {
    for (const argv of [['-id', '1'], ['-id=1'], ['--id', '1'], ['--id=1']]) expect(values(...argv).id).toBe(1);
    expect(values('-servers=a=b').servers).toBe('a=b');
    expect(values('-servers', '').servers).toBe('');
    expect(values('-servers=').servers).toBe('');
    expect(values('-id', '-3').id).toBe(-3);
  });

  it('gives defaults and knows what was given', () => {
    const parsed = parseFlags(FLAGS, ['-quiet']);
    expect(parsed.values).toEqual({
      id: 0,
      servers: ':9201',
      backend: 'gorums',
      batch: true,
      quiet: true,
      reads: 0,
      election: 1000,
    });
    expect([...parsed.given]).toEqual(['quiet']);
    expectTypeOf(parsed.values.backend).toEqualTypeOf<'gorums' | 'etcd'>();
    expectTypeOf(parsed.values.batch).toEqualTypeOf<boolean>();
    expectTypeOf(parsed.values.election).toEqualTypeOf<number>();
  });

  it('never takes a separate value for a boolean', () => {
    expect(values('-batch=false').batch).toBe(false);
    const parsed = parseFlags(FLAGS, ['-batch', 'false', '-quiet']);
    expect(parsed.values).toMatchObject({ batch: true, quiet: false });
    expect(parsed.rest).toEqual(['false', '-quiet']);
  });

  it('ends the flags at --, at a lone dash and at the first other argument', () => {
    expect(parseFlags(FLAGS, ['-quiet', '--', '-id', '1']).rest).toEqual(['-id', '1']);
    expect(parseFlags(FLAGS, ['-', '-id', '1']).rest).toEqual(['-', '-id', '1']);
    expect(parseFlags(FLAGS, ['get', '-id', '1'])).toMatchObject({ rest: ['get', '-id', '1'], values: { id: 0 } });
  });

  it('takes flags between other arguments when asked to', () => {
    const parsed = parseFlags(FLAGS, ['-quiet', 'get', '-id', '1', 'key', '--', '-x'], { interspersed: true });
    expect(parsed).toMatchObject({ rest: ['get', 'key', '-x'], values: { id: 1, quiet: true } });
  });

  it('lets the last of a repeated flag count', () => {
    expect(values('-id', '1', '-id=2').id).toBe(2);
  });

  it('stops where help or the version is asked for', () => {
    for (const flag of ['-h', '--h', '-help', '--help']) {
      expect(parseFlags(FLAGS, [flag, '-nonsense']).asked).toBe('help');
    }
    expect(parseFlags(FLAGS, ['--version', '-nonsense']).asked).toBe('version');
    expect(parseFlags(FLAGS, []).asked).toBeUndefined();
  });

  it("says what is wrong in Go's words", () => {
    expect(failure('-x')).toBe('flag provided but not defined: -x');
    expect(failure('--constructor')).toBe('flag provided but not defined: -constructor');
    expect(failure('-id')).toBe('flag needs an argument: -id');
    expect(failure('-id', 'x')).toBe('invalid value "x" for flag -id: parse error');
    expect(failure('-id=')).toBe('invalid value "" for flag -id: parse error');
    expect(failure('-id', '99999999999999999999')).toBe(
      'invalid value "99999999999999999999" for flag -id: value out of range',
    );
    expect(failure('-batch=no')).toBe('invalid boolean value "no" for -batch: parse error');
    expect(failure('-election', '5')).toBe('invalid value "5" for flag -election: parse error');
    expect(failure('---id')).toBe('bad flag syntax: ---id');
    expect(failure('-=1')).toBe('bad flag syntax: -=1');
    expect(failure('-backend', 'raft')).toBe('invalid value "raft" for flag -backend: must be gorums or etcd');
    expect(failure('-reads', '1.5')).toBe('invalid value "1.5" for flag -reads: must be at most 1');
    expect(failure('-reads', '-1')).toBe('invalid value "-1" for flag -reads: must be at least 0');
    expect(failure('-reads', 'nan')).toBe('invalid value "nan" for flag -reads: not a number');
  });

  it('insists on required flags, but not where help is asked for', () => {
    const specs = defineFlags({ id: { kind: 'int', default: 0, required: true, min: 1, usage: 'id' } });
    expect(() => parseFlags(specs, [])).toThrow('flag is required: -id');
    expect(() => parseFlags(specs, ['-id', '0'])).toThrow('must be at least 1');
    expect(parseFlags(specs, ['-h']).asked).toBe('help');
  });
});

describe('flagDefaults', () => {
  it('lists the flags as Go does', () => {
    expect(flagDefaults({ ...FLAGS, q: { kind: 'bool', default: false, usage: 'short' } })).toBe(
      [
        '  -backend string',
        '    \tthe engine: gorums or etcd (default "gorums")',
        '  -batch',
        '    \tbatching (default true)',
        '  -election duration',
        '    \telection timeout (default 1s)',
        '  -id int',
        '    \tthis server',
        '  -q\tshort',
        '  -quiet',
        '    \tno log',
        '  -reads float',
        '    \tfraction of reads',
        '  -servers addresses',
        '    \tcomma separated addresses (default ":9201")',
        '',
      ].join('\n'),
    );
  });
});

describe('values', () => {
  const ok = <T>(value: T) => ({ ok: true, value });
  it('reads integers in every base', () => {
    const cases: [string, number][] = [
      ['0', 0],
      ['-0', 0],
      ['+7', 7],
      ['-42', -42],
      ['0x1F', 31],
      ['0b101', 5],
      ['0o17', 15],
      ['017', 15],
      ['1_000', 1000],
      ['0x_ff', 255],
    ];
    for (const [text, value] of cases) expect(parseInteger(text), text).toEqual(ok(value));
    for (const text of ['', '1.0', '1e3', ' 1', '1_', '_1', '08', '0x', '--1', '1__0', 'a']) {
      expect(parseInteger(text).ok, text).toBe(false);
    }
  });

  it('reads booleans', () => {
    for (const text of ['1', 't', 'T', 'TRUE', 'true', 'True']) expect(parseBool(text)).toEqual(ok(true));
    for (const text of ['0', 'f', 'F', 'FALSE', 'false', 'False']) expect(parseBool(text)).toEqual(ok(false));
    for (const text of ['', 'yes', 'tRUE']) expect(parseBool(text).ok).toBe(false);
  });

  it('reads floats', () => {
    for (const [text, value] of [
      ['1.1', 1.1],
      ['.5', 0.5],
      ['1.', 1],
      ['-2e3', -2000],
      ['+1E-2', 0.01],
    ] as const) {
      expect(parseFloat64(text)).toEqual(ok(value));
    }
    expect(parseFloat64('-Inf')).toEqual(ok(Number.NEGATIVE_INFINITY));
    expect(parseFloat64('1e999')).toEqual({ ok: false, why: 'value out of range' });
    for (const text of ['', '.', 'e3', '1x', '0x10', ' 1']) expect(parseFloat64(text).ok, text).toBe(false);
  });

  it('reads durations', () => {
    const cases: [string, number][] = [
      ['0', 0],
      ['1s', 1000],
      ['20ms', 20],
      ['1m30s', 90_000],
      ['1.5h', 5_400_000],
      ['100us', 0.1],
      ['100\u00b5s', 0.1],
      ['100\u03bcs', 0.1],
      ['5ns', 0.000005],
      ['-1.5s', -1500],
      ['+.5s', 500],
      ['1h2m3.004s', 3_723_004],
    ];
    for (const [text, ms] of cases) expect(parseDurationMs(text), text).toEqual(ok(ms));
    for (const text of ['', '1', '1.5', 's', '.s', '1 s', '1d', '1s2', '-', '300000h1s99999999h']) {
      expect(parseDurationMs(text).ok, text).toBe(false);
    }
  });

  it('a long row of digits without a unit took hours to be refused', () => {
    const digits = '1'.repeat(400_000);
    expect([parseDurationMs(digits), parseDurationMs(`${digits}.${digits}x`)]).toEqual(
      Array(2).fill(parseFloat64('x')),
    );
    expect([parseFloat64(`${digits}x`), parseInteger(`${digits}x`)]).toEqual(Array(2).fill(parseFloat64('x')));
  });

  it('prints durations as Go does', () => {
    const cases: [number, string][] = [
      [0, '0s'],
      [1000, '1s'],
      [20, '20ms'],
      [0.1, '100\u00b5s'],
      [0.0015, '1.5\u00b5s'],
      [1500, '1.5s'],
      [90_000, '1m30s'],
      [3_600_000, '1h0m0s'],
      [-1500, '-1.5s'],
    ];
    for (const [ms, text] of cases) expect(formatDuration(ms)).toBe(text);
  });

  it('prints what it reads back the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e12, max: 1e12 }), (us) => {
        expect(parseDurationMs(formatDuration(us / 1000))).toEqual(ok(us / 1000));
      }),
    );
  });
});
