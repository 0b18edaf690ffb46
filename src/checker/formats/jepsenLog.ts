/**
 * Jepsen's log of a register test, one event a line, fields separated by white space:
 *
 *     INFO  jepsen.util - <process> <:invoke|:ok|:fail|:info> <:read|:write|:cas> <value>
 *
 * where a read's value is `nil` or an integer, a write's an integer and a compare-and-set's `[expected new]`; an outcome
 * may carry `:timed-out` instead. `:info` leaves the outcome unknown. A `:fail` had no effect; that of a compare-and-set
 * which names its values says more: it was refused because the register held something else than expected.
 */
import type { Operation } from '../history.ts';
import type { RegisterInput, RegisterOutput } from '../models/register.ts';
import { HistoryFormatError } from './formatError.ts';
import { ProcessPairing } from './pairing.ts';

const OTHER_LOGGER = /^(TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\s+(?!jepsen\.util\s)\S+\s+-\s/;
const EVENT = /^INFO\s+jepsen\.util\s+-\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S.*?)\s*$/;
const EVENT_EXPECTED = "'INFO jepsen.util - <process> <type> <function> <value>'";
const INTEGER = /^-?\d+$/;
const PAIR = /^\[(-?\d+)\s+(-?\d+)\]$/;

/** All operations are on the one key `register`. Throws `HistoryFormatError`; `source` names the file in it. */
export function parseJepsenLog(text: string, source: string): Operation<RegisterInput, RegisterOutput>[] {
  const pairing = new ProcessPairing<RegisterInput, RegisterOutput>(source);
  text.split(/\r?\n/).forEach((content, index) => {
    if (content.trim() === '' || OTHER_LOGGER.test(content)) return;
    parseLine(content, source, index + 1, pairing);
  });
  return pairing.operations();
}

function parseLine(
  content: string,
  source: string,
  line: number,
  pairing: ProcessPairing<RegisterInput, RegisterOutput>,
): void {
  const fail = (expected: string, found: string): never => {
    throw new HistoryFormatError(source, line, expected, found);
  };
  const [process, typeText, kindText, value] = fields(content) ?? fail(EVENT_EXPECTED, content);
  if (process === ':nemesis') return;
  if (!INTEGER.test(process)) fail('a process number or :nemesis', process);
  const type = TYPES.get(typeText) ?? fail(':invoke, :ok, :fail or :info', typeText);
  const kind = KINDS.get(kindText) ?? fail(':read, :write or :cas', kindText);
  if (type === 'invoke') {
    pairing.invoke(process, 'register', parseInput(kind, value) ?? fail(VALUE_OF[kind], value), line);
    return;
  }
  const input = pairing.pendingInput(process, line);
  if (input.kind !== kind) fail(`the outcome of the :${input.kind} that process ${process} invoked`, kindText);
  // A time-out called a failure is trusted only where it does not matter: with a read.
  const isTimeout = value === ':timed-out' && kind !== 'read';
  if (type === 'info' || (type === 'fail' && isTimeout)) pairing.without('unknown', process, line);
  else if (type === 'fail' && (kind !== 'cas' || value.startsWith(':'))) pairing.without('fail', process, line);
  else pairing.ok(process, parseOutput(input, type === 'ok', value) ?? fail(expectedOutcome(input), value), line);
}

function fields(content: string): [string, string, string, string] | undefined {
  const match = EVENT.exec(content);
  return match === null ? undefined : [match[1]!, match[2]!, match[3]!, match[4]!];
}

type Kind = RegisterInput['kind'];
const TYPES = new Map([':invoke', ':ok', ':fail', ':info'].map((text) => [text, text.slice(1)]));
const KINDS = new Map<string, Kind>([
  [':read', 'read'],
  [':write', 'write'],
  [':cas', 'cas'],
]);
const VALUE_OF = { read: "'nil'", write: 'an integer', cas: "'[expected new]', both integers" } as const;

function parseInput(kind: Kind, value: string): RegisterInput | undefined {
  if (kind === 'read') return value === 'nil' ? { kind: 'read' } : undefined;
  if (kind === 'write') return INTEGER.test(value) ? { kind: 'write', value: Number(value) } : undefined;
  const pair = PAIR.exec(value);
  return pair === null ? undefined : { kind: 'cas', expected: Number(pair[1]), value: Number(pair[2]) };
}

/** A write's and a compare-and-set's outcome repeats what was asked for. */
function parseOutput(input: RegisterInput, isOk: boolean, value: string): RegisterOutput | undefined {
  if (input.kind === 'read') {
    if (value === 'nil') return { kind: 'read', value: null };
    return INTEGER.test(value) ? { kind: 'read', value: Number(value) } : undefined;
  }
  const repeated = parseInput(input.kind, value);
  if (repeated?.kind === 'write' && input.kind === 'write' && repeated.value === input.value) return { kind: 'write' };
  if (repeated?.kind !== 'cas' || input.kind !== 'cas') return undefined;
  const matches = repeated.expected === input.expected && repeated.value === input.value;
  return matches ? { kind: 'cas', swapped: isOk } : undefined;
}

function expectedOutcome(input: RegisterInput): string {
  if (input.kind === 'read') return "an integer or 'nil'";
  return input.kind === 'write' ? `'${input.value}', as invoked` : `'[${input.expected} ${input.value}]', as invoked`;
}
