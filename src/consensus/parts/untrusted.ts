import type { Configuration, LogReader, NodeId, Refusal, SnapshotPlace } from '../contract.ts';
import { type Entry, isConfigurationType } from '../entry.ts';

/** Checks of what peers send, before an engine takes any of it. Each says what is wrong, or undefined. */

/** No log grows so long; beyond it there would be no room to count on. */
const INDEX_MAX = Number.MAX_SAFE_INTEGER - 2 ** 32;

/** The refusal of what no correct server sends; undefined where nothing is wrong. */
export function refused(fault: string | undefined): Refusal | undefined {
  return fault === undefined ? undefined : { reason: fault, malformed: true };
}

/** The refusal of a term that is too far ahead to be taken at once. */
export function tooFarAhead(term: number, own: number): Refusal {
  return { reason: `term ${term} is too far ahead of term ${own} to be taken at once`, malformed: false };
}

/**
 * Entries that a leader of `term` sends after the entry (`prevIndex`, `prevTerm`): consecutive, their terms never falling
 * nor above its own. `changeFault` looks at the data of membership entries: one that cannot be read would be found out only
 * where it takes effect, at every start again.
 */
export function entriesFault(
  prevIndex: number,
  prevTerm: number,
  entries: readonly Entry[],
  term: number,
  changeFault: (data: Uint8Array) => string | undefined,
): string | undefined {
  if (prevTerm > term || (prevIndex === 0 && prevTerm !== 0)) {
    return `entries after ${prevTerm}/${prevIndex} in a message of term ${term}`;
  }
  let before = prevTerm;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    const index = prevIndex + 1 + i;
    if (entry.index !== index || entry.term < before || entry.term > term) {
      return `entry ${entry.term}/${entry.index} after ${before}/${index - 1} in a message of term ${term}`;
    }
    before = entry.term;
    const fault = isConfigurationType(entry.type) ? changeFault(entry.data) : undefined;
    if (fault !== undefined) return `entry ${entry.index}: ${fault}`;
  }
  return prevIndex + entries.length > INDEX_MAX
    ? `entry ${prevIndex + entries.length}, which no log reaches`
    : undefined;
}

/**
 * What a leader of our term or a later one says against what is committed here. Every leader holds all that is committed (leader
 * completeness, Raft §5.4.3), so one of the two servers has what was never agreed on; this one cannot tell which.
 */
export function contradiction(
  log: Pick<LogReader, 'term'>,
  commitIndex: number,
  prevIndex: number,
  prevTerm: number,
  entries: readonly Entry[],
): Refusal | undefined {
  const last = Math.min(commitIndex, prevIndex + entries.length);
  for (let index = prevIndex; index <= last; index++) {
    const said = index === prevIndex ? prevTerm : entries[index - prevIndex - 1]!.term;
    const held = log.term(index);
    if (held === undefined || held === said) continue;
    const reason = `entry ${said}/${index} contradicts entry ${held}/${index}, which is committed here: this server or its leader holds what was never agreed on`;
    return { reason, malformed: false };
  }
  return undefined;
}

/** A snapshot that a leader of `term` sends, but for its content. */
export function snapshotFault(snapshot: SnapshotPlace, term: number): string | undefined {
  const { index, term: ofEntry, configuration } = snapshot;
  if (index < 1 || index > INDEX_MAX || ofEntry < 1 || ofEntry > term) {
    return `a snapshot of entry ${ofEntry}/${index} in a message of term ${term}`;
  }
  const fault = configurationFault(configuration);
  return fault === undefined ? undefined : `a snapshot of entry ${ofEntry}/${index} whose ${fault}`;
}

/** A configuration in which nobody votes, or that names somebody twice, leaves a cluster nobody can lead. */
export function configurationFault({ voters, outgoing, learners, learnersNext }: Configuration): string | undefined {
  if (voters.length === 0) return 'configuration has no voters';
  for (const ids of [voters, outgoing, learners, learnersNext]) {
    if (!isAscending(ids)) return `members do not ascend from 1: ${ids}`;
  }
  const both = learners.find((id) => voters.includes(id) || outgoing.includes(id));
  return both === undefined ? undefined : `member ${both} is voter and learner`;
}

function isAscending(ids: readonly NodeId[]): boolean {
  return ids.every((id, place) => id > (ids[place - 1] ?? 0));
}
