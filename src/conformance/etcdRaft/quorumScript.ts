import { jointReached, jointVote, majorityReached, majorityVote, UNBOUNDED } from '../../consensus/parts/quorum.ts';
import type { Command } from './script.ts';

/**
 * The commands of quorum scripts. `committed cfg=(1,2) [cfgj=(3)|zero] idx=(10,_)` prints a picture of what the voters
 * acknowledged and the committed index; `vote cfg=… [cfgj=…] votes=(y,n,_)` prints the result. Values belong to the voters
 * of `cfg` and then to those of `cfgj` not seen yet; `_` stands for no answer. Every answer is also asked for in other,
 * equivalent ways; a difference is printed below it and so fails the script.
 */
export function runQuorumCommand(command: Command): string {
  const question = readQuestion(command);
  if (typeof question === 'string') return question;
  if (command.name === 'committed') return describeCommitted(question);
  if (command.name === 'vote') return describeVote(question);
  return 'unknown command';
}

interface Question {
  readonly voters: readonly number[];
  /** undefined where the script speaks of a simple configuration. */
  readonly outgoing: readonly number[] | undefined;
  /** Ascending, every voter once. */
  readonly ids: readonly number[];
  readonly indexes: ReadonlyMap<number, number>;
  readonly votes: ReadonlyMap<number, boolean>;
}

function readQuestion(command: Command): Question | string {
  const lists = new Map<string, readonly string[]>();
  for (const { key, values } of command.args) {
    if (!['cfg', 'cfgj', 'idx', 'votes'].includes(key)) return `unknown arg ${key}`;
    lists.set(key, values);
  }
  const voters = (lists.get('cfg') ?? []).map(Number);
  const joined = lists.get('cfgj');
  const outgoing = joined === undefined ? undefined : joined[0] === 'zero' ? [] : joined.map(Number);
  const order = [...new Set([...voters, ...(outgoing ?? [])])];
  const values = lists.get(command.name === 'vote' ? 'votes' : 'idx') ?? [];
  if (values.length !== order.length) {
    return `error: mismatched input (explicit or _) for voters [${order.join(' ')}]: [${values.join(' ')}]`;
  }
  const indexes = new Map<number, number>();
  const votes = new Map<number, boolean>();
  for (const [at, id] of order.entries()) {
    const value = values[at]!;
    if (value === '_') continue;
    if (command.name !== 'vote') indexes.set(id, Number(value));
    else if (value === 'y' || value === 'n') votes.set(id, value === 'y');
    else return `unknown vote: ${value}`;
  }
  return { voters, outgoing, ids: order.sort((a, b) => a - b), indexes, votes };
}

function describeCommitted(question: Question): string {
  const { voters, indexes } = question;
  const outgoing = question.outgoing ?? [];
  const acked = (id: number) => indexes.get(id);
  const committed =
    question.outgoing === undefined ? majorityReached(voters, acked) : jointReached(voters, outgoing, acked);
  const lines = [drawIndexes(question) + describeIndex(committed)];
  const check = (other: number, how: string) => {
    if (other !== committed) lines.push(`${describeIndex(other)} <-- ${how}`);
  };
  check(jointReached(voters, outgoing, acked), 'as a joint configuration');
  check(jointReached(outgoing, voters, acked), 'with the halves swapped');
  check(
    Math.min(committedByCounting(voters, indexes), committedByCounting(outgoing, indexes)),
    'by counting supporters',
  );
  return lines.join('\n');
}

/** The slow obvious way: try every index that somebody acknowledged. */
function committedByCounting(voters: readonly number[], indexes: ReadonlyMap<number, number>): number {
  if (voters.length === 0) return UNBOUNDED;
  const candidates = voters.map((id) => indexes.get(id) ?? 0).sort((a, b) => b - a);
  return candidates.find((index) => voters.filter((id) => (indexes.get(id) ?? 0) >= index).length * 2 > voters.length)!;
}

function describeIndex(index: number): string {
  return index === UNBOUNDED ? '∞' : String(index);
}

/** One line a voter, with a bar as long as the number of voters that are behind it. */
function drawIndexes({ ids, indexes }: Question): string {
  if (ids.length === 0) return '<empty majority quorum>';
  const value = (id: number) => indexes.get(id) ?? 0;
  const lines = [`${' '.repeat(ids.length)}    idx`];
  for (const id of ids) {
    const bar = ids.filter((other) => value(other) < value(id)).length;
    const picture = indexes.has(id) ? `${'x'.repeat(bar)}>` : '?';
    lines.push(`${picture.padEnd(ids.length + 1)} ${String(value(id)).padStart(5)}    (id=${id})`);
  }
  return `${lines.join('\n')}\n`;
}

function describeVote(question: Question): string {
  const { voters, votes } = question;
  const outgoing = question.outgoing ?? [];
  const vote = (id: number) => votes.get(id);
  const result = question.outgoing === undefined ? majorityVote(voters, vote) : jointVote(voters, outgoing, vote);
  const lines: string[] = [result];
  const swapped = jointVote(outgoing, voters, vote);
  if (swapped !== result) lines.push(`${swapped} <-- with the halves swapped`);
  return lines.join('\n');
}
