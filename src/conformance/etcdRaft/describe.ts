import type { Configuration, Snapshot } from '../../consensus/contract.ts';
import type { Entry } from '../../consensus/entry.ts';
import { EntryType } from '../../consensus/entry.ts';
import { ChangeKind, type ChangeStep, decodeConfChange } from '../../consensus/etcd/membership.ts';

/** How the scripts print what configurations, entries and snapshots hold. */

const KIND_LETTERS: Readonly<Record<ChangeKind, string>> = {
  [ChangeKind.AddVoter]: 'v',
  [ChangeKind.AddLearner]: 'l',
  [ChangeKind.Remove]: 'r',
  [ChangeKind.Update]: 'u',
};

/** `v1 l2 r3` */
function describeSteps(steps: readonly ChangeStep[]): string {
  return steps.map(({ kind, id }) => `${KIND_LETTERS[kind]}${id}`).join(' ');
}

/** Reads `v1 l2 r3`. Throws Error with the text that the scripts expect. */
export function parseSteps(text: string): ChangeStep[] {
  const words = text.split(/\s+/).filter((word) => word !== '');
  return words.map((word) => {
    const kind = Object.entries(KIND_LETTERS).find(([, letter]) => letter === word[0])?.[0];
    if (word.length < 2) throw new Error(`unknown token ${word}`);
    if (kind === undefined) throw new Error(`unknown input: ${word}`);
    if (!/^\d+$/.test(word.slice(1))) throw new Error(`not a node id: ${word}`);
    return { kind: Number(kind) as ChangeKind, id: Number(word.slice(1)) };
  });
}

/** `voters=(1 2)&&(1) learners=(3) learners_next=(1) autoleave` */
export function describeConfiguration(configuration: Configuration): string {
  const { voters, outgoing, learners, learnersNext, autoLeave } = configuration;
  let text = `voters=(${voters.join(' ')})`;
  if (outgoing.length > 0) text += `&&(${outgoing.join(' ')})`;
  if (learners.length > 0) text += ` learners=(${learners.join(' ')})`;
  if (learnersNext.length > 0) text += ` learners_next=(${learnersNext.join(' ')})`;
  return autoLeave ? `${text} autoleave` : text;
}

/** `Index:4 Term:1 ConfState:Voters:[1 2] …` */
export function describeSnapshot({ index, term, configuration }: Snapshot): string {
  const { voters, outgoing, learners, learnersNext, autoLeave } = configuration;
  const list = (ids: readonly number[]) => `[${ids.join(' ')}]`;
  const members = `Voters:${list(voters)} VotersOutgoing:${list(outgoing)} Learners:${list(learners)}`;
  return `Index:${index} Term:${term} ConfState:${members} LearnersNext:${list(learnersNext)} AutoLeave:${autoLeave}`;
}

/** `1/4 EntryNormal "foo"`. The empty entry that a new leader writes is a normal one without data to the scripts. */
export function describeEntry(entry: Entry): string {
  const place = `${entry.term}/${entry.index}`;
  if (entry.type !== EntryType.Reconf && entry.type !== EntryType.JointReconf) {
    return `${place} EntryNormal ${quote(entry.data)}`;
  }
  const name = entry.type === EntryType.Reconf ? 'EntryConfChange' : 'EntryConfChangeV2';
  const steps = describeSteps(decodeConfChange(entry.data).steps);
  return steps === '' ? `${place} ${name}` : `${place} ${name} ${steps}`;
}

/** A quoted string as Go prints one. */
function quote(data: Uint8Array): string {
  let text = '"';
  for (const char of new TextDecoder().decode(data)) text += quoteCharacter(char);
  return `${text}"`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

function quoteCharacter(char: string): string {
  const code = char.codePointAt(0)!;
  if (ESCAPES[char] !== undefined) return ESCAPES[char];
  if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, '0')}`;
  return char;
}
