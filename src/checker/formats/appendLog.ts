/**
 * Histories of a store with get, put and append, one EDN map a line:
 *
 *     {:process 0, :type :invoke, :f :append, :key "4", :value "x 0 1 y"}
 *
 * `:type` is `:invoke`, `:ok`, `:fail` or `:info`; `:value` is a string, or `nil` where a get is invoked. Entries may come
 * in any order and commas are white space, as EDN has it.
 */
import type { Operation } from '../history.ts';
import type { AppendInput, AppendOutput } from '../models/appendStore.ts';
import { HistoryFormatError } from './formatError.ts';
import { ProcessPairing } from './pairing.ts';

interface Entry {
  readonly process: string;
  readonly type: 'invoke' | 'ok' | 'fail' | 'info';
  readonly kind: 'get' | 'put' | 'append';
  readonly key: string;
  /** `undefined` is EDN's `nil`, or a keyword such as `:timed-out`. */
  readonly value: string | undefined;
}

/** Throws `HistoryFormatError`; `source` names the file in it. */
export function parseAppendLog(text: string, source: string): Operation<AppendInput, AppendOutput>[] {
  const pairing = new ProcessPairing<AppendInput, AppendOutput>(source);
  text.split(/\r?\n/).forEach((content, index) => {
    if (content.trim() === '') return;
    const fail = (expected: string, found: string): never => {
      throw new HistoryFormatError(source, index + 1, expected, found);
    };
    applyEntry(parseEntry(content, fail), index + 1, pairing, fail);
  });
  return pairing.operations();
}

type Fail = (expected: string, found: string) => never;

function applyEntry(entry: Entry, line: number, pairing: ProcessPairing<AppendInput, AppendOutput>, fail: Fail): void {
  const { process, type, kind, key, value } = entry;
  if (type === 'invoke') {
    const given = kind === 'get' ? { kind } : { kind, value: value ?? fail(`a string for :${kind}`, 'nil') };
    pairing.invoke(process, key, given, line);
    return;
  }
  const input = pairing.pendingInput(process, line);
  if (input.kind !== kind) fail(`the outcome of the :${input.kind} that process ${process} invoked`, `:${kind}`);
  if (type !== 'ok') pairing.without(type === 'info' ? 'unknown' : 'fail', process, line);
  else if (input.kind === 'get') pairing.ok(process, value ?? fail('the string that was read', 'nil'), line);
  else if (value === input.value) pairing.ok(process, undefined, line);
  else fail(`the value ${JSON.stringify(input.value)}, as invoked`, value ?? 'nil');
}

const TOKEN = /[\s,]*(?:(:[^\s,{}"]+)|("(?:[^"\\]|\\.)*")|(-?\d+|nil))/y;

function parseEntry(content: string, fail: Fail): Entry {
  const body = /^\s*\{(.*)\}[\s,]*$/.exec(content)?.[1];
  if (body === undefined) return fail('a map: {:process …, :type …, :f …, :key …, :value …}', content);
  const fields = new Map<string, string>();
  let at = 0;
  const next = (what: string): string => {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(body);
    if (token === null) return fail(what, body.slice(at));
    at = TOKEN.lastIndex;
    return token[1] ?? token[2] ?? token[3]!;
  };
  while (/[^\s,]/.test(body.slice(at))) {
    const name = next('a keyword');
    if (!name.startsWith(':')) fail('a keyword', name);
    if (fields.has(name)) fail(`${name} once`, content);
    fields.set(name, next(`a value for ${name}`));
  }
  const field = (name: string, pattern: RegExp, expected: string): string => {
    const text = fields.get(name) ?? fail(`an entry ${name}`, content);
    return pattern.test(text) ? text : fail(`${expected} for ${name}`, text);
  };
  const value = field(':value', /^(".*"|nil|:.+)$/s, 'a string or nil');
  return {
    process: field(':process', /^\d+$/, 'a process number'),
    type: field(':type', /^:(invoke|ok|fail|info)$/, ':invoke, :ok, :fail or :info').slice(1) as Entry['type'],
    kind: field(':f', /^:(get|put|append)$/, ':get, :put or :append').slice(1) as Entry['kind'],
    key: unquote(field(':key', /^".*"$/s, 'a string')),
    value: value.startsWith('"') ? unquote(value) : undefined,
  };
}

const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r' };

function unquote(text: string): string {
  return text.slice(1, -1).replace(/\\(.)/gs, (_, escaped: string) => ESCAPES[escaped] ?? escaped);
}
