/**
 * `node dist/checker/bench/largeHistory.js`: how long 100 000 operations on 1 000 keys take to check.
 *
 * Three histories by 50 clients with 2 % of the answers lost: values all different (settled without a search), few
 * values (searched), and the same with one answer replaced by one from the past. Prints a line for each.
 */
import { checkHistory } from '../check.ts';
import type { Operation } from '../history.ts';
import { type KeyValueInput, type KeyValueOutput, keyValueModel } from '../models/keyValue.ts';
import { generateHistory } from '../testing/generate.ts';
import { keyValueObject } from '../testing/objects.ts';

const SIZES = { seed: 1, clientCount: 50, operationCount: 100_000, keyCount: 1_000, unknownPerMille: 20 };

type History = readonly Operation<KeyValueInput, KeyValueOutput>[];

/** Lets the last get that saw a value see what its key's first one saw. */
function withStaleRead(history: History): History {
  const isGet = ({ input, output }: History[number]): boolean => input.kind === 'get' && typeof output === 'string';
  const last = history.findLastIndex(isGet);
  const first = history.find((operation) => isGet(operation) && operation.key === history[last]!.key);
  return history.map((operation, index) => (index === last ? { ...operation, output: first!.output } : operation));
}

function measure(name: string, history: History): void {
  const startMs = performance.now();
  const { verdict, keyCount } = checkHistory(keyValueModel, history);
  const elapsedMs = Math.round(performance.now() - startMs);
  console.log(`${name}: ${history.length} operations, ${keyCount} keys, ${verdict}, ${elapsedMs} ms`);
}

const unique = generateHistory({ ...SIZES, ...keyValueObject(undefined) });
const repeated = generateHistory({ ...SIZES, ...keyValueObject(10) });
measure('unique values', unique);
measure('ten values', repeated);
measure('unique values, stale read', withStaleRead(unique));
