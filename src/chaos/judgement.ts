import { checkHistory } from '../checker/check.ts';
import { keyValueModel } from '../checker/models/keyValue.ts';
import type { Recorder } from './registers.ts';

const CHECK_MS_MAX = 60_000;

/** What a round ended with, in words. Errors of these classes say what is wrong; of others it is told where they come from. */
export function wordsOf(error: unknown, named: readonly (new (...args: never[]) => Error)[]): string {
  if (!(error instanceof Error)) throw error;
  return named.some((each) => error instanceof each) ? `${error.name}: ${error.message}` : `${error.stack}`;
}

/** Why what clients saw is not linearizable, with the part that shows it, or that this could not be decided; undefined where it is. */
export function historyViolation(history: Recorder): string | undefined {
  const deadline = performance.now() + CHECK_MS_MAX;
  const report = checkHistory(keyValueModel, history.operations(), { now: () => performance.now(), deadline });
  if (report.verdict === 'ok') return undefined;
  if (report.verdict === 'unknown') return 'whether the history is linearizable could not be decided';
  const { key, operations } = report.illegal[0]!;
  const lines = operations.map(({ client, input, output, recorded }) => {
    const ends = [recorded?.invokeTime, recorded?.returnTime].map((ms) => ms?.toFixed(1) ?? '…');
    return `  [${ends.join(' ')}] client ${client}: ${keyValueModel.describe(input, output)}`;
  });
  return `the history of key ${key} is not linearizable:\n${lines.join('\n')}`;
}
