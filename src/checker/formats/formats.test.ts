import { describe, expect, it } from 'vitest';
import { UNKNOWN } from '../history.ts';
import { parseAppendLog } from './appendLog.ts';
import { HistoryFormatError } from './formatError.ts';
import { parseJepsenLog } from './jepsenLog.ts';

const jepsen = (...lines: string[]): string => lines.map((line) => `INFO  jepsen.util - ${line}\n`).join('');
const append = (...lines: string[]): string => lines.map((line) => `{${line}}\n`).join('');

function errorOf(parse: () => unknown): HistoryFormatError {
  try {
    parse();
  } catch (error) {
    if (error instanceof HistoryFormatError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('a Jepsen log', () => {
  it('is read with tabs or blanks between the fields', () => {
    const tabs = jepsen('0\t:invoke\t:write\t4', '1\t:invoke\t:read\tnil', '0\t:ok\t:write\t4', '1\t:ok\t:read\tnil');
    const operations = parseJepsenLog(tabs, 'a.log');
    expect(operations).toMatchObject([
      {
        client: '0',
        key: 'register',
        input: { kind: 'write', value: 4 },
        output: { kind: 'write' },
        invokeAt: 0,
        returnAt: 2,
      },
      { client: '1', input: { kind: 'read' }, output: { kind: 'read', value: null }, invokeAt: 1, returnAt: 3 },
    ]);
    expect(parseJepsenLog(tabs.replaceAll('\t', '   '), 'a.log')).toEqual(operations);
  });

  it('tells a refused compare-and-set, which saw something, from a failed operation, which did not', () => {
    const operations = parseJepsenLog(
      jepsen(
        '0\t:invoke\t:cas\t[1 2]',
        '0\t:fail\t:cas\t[1 2]',
        '0\t:invoke\t:cas\t[1 2]',
        '0\t:ok\t:cas\t[1 2]',
        '0\t:invoke\t:read\tnil',
        '0\t:fail\t:read\t:timed-out',
        '0\t:invoke\t:write\t3',
        '0\t:fail\t:write\t3',
      ),
      'a.log',
    );
    expect(operations.map(({ output }) => output)).toEqual([
      { kind: 'cas', swapped: false },
      { kind: 'cas', swapped: true },
    ]);
  });

  it('leaves timed-out and unfinished operations unknown, and the process free to go on', () => {
    const operations = parseJepsenLog(
      jepsen(
        '0\t:invoke\t:write\t1',
        '0\t:info\t:write\t:timed-out',
        '0\t:invoke\t:cas\t[1 2]',
        '0\t:fail\t:cas\t:timed-out',
        '0\t:invoke\t:write\t2',
      ),
      'a.log',
    );
    expect(operations.map(({ output }) => output)).toEqual([UNKNOWN, UNKNOWN, UNKNOWN]);
  });

  it('passes over empty lines, other loggers and the nemesis', () => {
    const text = `\r\nWARN  jepsen.core - hello\n${jepsen(':nemesis\t:info\t:start\t{}')}\n`;
    expect(parseJepsenLog(text, 'a.log')).toEqual([]);
  });

  it.each([
    ['no log line', 'hello\n', 1, 'INFO jepsen.util'],
    ['a process that is no number', jepsen('x\t:invoke\t:read\tnil'), 1, 'a process number or :nemesis'],
    ['an unknown type', jepsen('0\t:maybe\t:read\tnil'), 1, ':invoke, :ok, :fail or :info'],
    ['an unknown function', jepsen('0\t:invoke\t:delete\tnil'), 1, ':read, :write or :cas'],
    ['a read invoked with a value', jepsen('0\t:invoke\t:read\t1'), 1, "'nil'"],
    ['a write of nothing', jepsen('0\t:invoke\t:write\tnil'), 1, 'an integer'],
    ['half a compare-and-set', jepsen('0\t:invoke\t:cas\t[1]'), 1, '[expected new]'],
    ['an outcome without an invocation', `\n${jepsen('0\t:ok\t:read\t1')}`, 2, 'an invocation by process 0'],
    [
      'two invocations',
      jepsen('0\t:invoke\t:read\tnil', '0\t:invoke\t:read\tnil'),
      2,
      'what process 0 invoked on line 1',
    ],
    [
      'an outcome of something else',
      jepsen('0\t:invoke\t:read\tnil', '0\t:ok\t:write\t1'),
      2,
      'the outcome of the :read',
    ],
    ['a write that returned another value', jepsen('0\t:invoke\t:write\t1', '0\t:ok\t:write\t2'), 2, "'1', as invoked"],
    ['a read that returned no value', jepsen('0\t:invoke\t:read\tnil', '0\t:ok\t:read\t:x'), 2, "an integer or 'nil'"],
  ])('names file, line and expectation for %s', (_, text, line, expected) => {
    const error = errorOf(() => parseJepsenLog(text, 'some.log'));
    expect(error).toMatchObject({ source: 'some.log', line });
    expect(error.expected).toContain(expected);
    expect(error.message).toMatch(new RegExp(`^some\\.log:${line}: expected .*, found "`));
  });
});

describe('a log of a store with appends', () => {
  it('is read whatever the order of the entries, escapes included', () => {
    const operations = parseAppendLog(
      append(
        ':process 3, :type :invoke, :f :append, :key "7", :value "x \\"0\\" \\\\ y"',
        ':value "x \\"0\\" \\\\ y" :key "7" :f :append :type :ok :process 3',
        ':process 3, :type :invoke, :f :get, :key "7", :value nil',
        ':process 3, :type :ok, :f :get, :key "7", :value ""',
      ),
      'a.txt',
    );
    expect(operations).toMatchObject([
      { client: '3', key: '7', input: { kind: 'append', value: 'x "0" \\ y' }, output: undefined, returnAt: 1 },
      { client: '3', key: '7', input: { kind: 'get' }, output: '', invokeAt: 2 },
    ]);
  });

  it('knows failed and unknown outcomes', () => {
    const put = (type: string, value: string) => `:process 0, :type ${type}, :f :put, :key "k", :value ${value}`;
    const operations = parseAppendLog(
      append(put(':invoke', '"a"'), put(':fail', '"a"'), put(':invoke', '"b"'), put(':info', ':timed-out')),
      'a.txt',
    );
    expect(operations).toMatchObject([{ input: { kind: 'put', value: 'b' }, output: UNKNOWN }]);
  });

  const get = ':process 0, :type :invoke, :f :get, :key "k", :value nil';
  it.each([
    ['no map', 'hello\n', 1, 'a map'],
    ['an unquoted value', append(':process 0, :value hello'), 1, 'a value for :value'],
    ['a value without a name', append('"x" 1'), 1, 'a keyword'],
    ['a name given twice', append(':process 0, :process 1'), 1, ':process once'],
    ['no key', append(':process 0, :type :invoke, :f :get, :value nil'), 1, 'an entry :key'],
    ['an unknown function', append(get.replace(':get', ':scan')), 1, ':get, :put or :append for :f'],
    ['a put of nothing', append(get.replace(':get', ':put')), 1, 'a string for :put'],
    ['a get that returned nothing', append(get, get.replace(':invoke', ':ok')), 2, 'the string that was read'],
    ['an outcome without an invocation', append(get.replace(':invoke', ':ok')), 1, 'an invocation by process 0'],
  ])('names file, line and expectation for %s', (_, text, line, expected) => {
    const error = errorOf(() => parseAppendLog(text, 'some.txt'));
    expect(error).toMatchObject({ source: 'some.txt', line });
    expect(error.expected).toContain(expected);
  });
});
