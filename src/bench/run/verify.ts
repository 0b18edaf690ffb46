import { setTimeout as pause } from 'node:timers/promises';
import { ClientClosedError } from '../../client/errors.ts';
import { keyOf } from '../../client/load/workload.ts';
import type { Verification } from '../results/schema.ts';
import type { ServerStatus, SystemClient } from '../systems/system.ts';
import { leaderOf } from './servers.ts';
import type { KeyFinding, WriteChecks } from './writeChecks.ts';

/** Lookups under way at once. */
const LOOKUPS_AT_ONCE = 100;
const PROBLEMS_MAX = 10;
/** How long followers may take to apply what the leader has, ms; where servers were broken on purpose, and may be on their way back. */
const CONVERGENCE_MS_MAX = 5000;
const CONVERGENCE_AFTER_FAULTS_MS_MAX = 30_000;
const CONVERGENCE_POLL_MS = 50;

const descriptions: Readonly<Record<Exclude<KeyFinding, 'good'>, string>> = {
  lost: 'has no value, though a write to it was acknowledged',
  stale: 'holds a value that an acknowledged later write had replaced',
  foreign: 'holds a value that this run did not write, though a write to it was acknowledged',
  garbled: 'holds a value that this run never wrote to it',
};

export interface VerifyOptions {
  readonly client: SystemClient;
  readonly audit: WriteChecks;
  /** Nobody else writes to the cluster. */
  readonly own: boolean;
  /** Servers were broken or changed on purpose meanwhile. */
  readonly hadFaults: boolean;
  /** The leader's applied index before the first audited write. */
  readonly appliedBefore: number;
}

/** Compares what was acknowledged with what the servers hold, once all requests have ended. Does not reject. */
export async function verify({ client, audit, own, hadFaults, appliedBefore }: VerifyOptions): Promise<Verification> {
  const acknowledgedWrites = audit.acknowledged;
  const { readBackObstacle } = client;
  if (readBackObstacle !== undefined) {
    return {
      status: 'not-checked',
      acknowledgedWrites,
      appliedEntries: null,
      keysRead: 0,
      problems: [readBackObstacle],
    };
  }
  try {
    const findings = await readBack(client, audit);
    const convergenceMsMax = hadFaults ? CONVERGENCE_AFTER_FAULTS_MS_MAX : CONVERGENCE_MS_MAX;
    const statuses = await converged(client, own, convergenceMsMax);
    const applied = leaderOf(statuses)?.appliedIndex;
    const appliedEntries = own && applied !== undefined ? applied - appliedBefore : null;
    const keyProblems = [...findings.problems, ...(own ? replicaProblems(statuses, convergenceMsMax) : [])];
    if (appliedEntries !== null && appliedEntries < acknowledgedWrites) {
      keyProblems.unshift(
        `${acknowledgedWrites} inserts were acknowledged, but only ${appliedEntries} entries applied`,
      );
    }
    // Somebody else's writes to a shared cluster cannot be told from lost ones.
    const onlyForeign = !own && findings.foreign > 0 && keyProblems.length === findings.foreign;
    const status = keyProblems.length === 0 ? 'verified' : onlyForeign ? 'not-checked' : 'failed';
    const problems = keyProblems.slice(0, PROBLEMS_MAX);
    if (keyProblems.length > problems.length) problems.push(`and ${keyProblems.length - problems.length} more`);
    return { status, acknowledgedWrites, appliedEntries, keysRead: findings.keysRead, problems };
  } catch (error) {
    const problems = [`the keys could not be read back: ${(error as Error).message}`];
    const status = error instanceof ClientClosedError ? 'not-checked' : 'failed';
    return { status, acknowledgedWrites, appliedEntries: null, keysRead: 0, problems };
  }
}

async function readBack(client: SystemClient, audit: WriteChecks) {
  const keys = audit.keysToRead();
  const problems: string[] = [];
  let foreign = 0;
  for (let at = 0; at < keys.length; at += LOOKUPS_AT_ONCE) {
    const group = keys.slice(at, at + LOOKUPS_AT_ONCE);
    const values = await Promise.all(group.map((key) => client.lookup(keyOf(key))));
    values.forEach((value, position) => {
      const key = group[position]!;
      const finding = audit.judge(key, value);
      if (finding === 'good') return;
      if (finding === 'foreign') foreign++;
      problems.push(`key ${keyOf(key)} ${descriptions[finding]}`);
    });
  }
  return { keysRead: keys.length, problems, foreign };
}

/** Waits until all members have applied the same entries, where nobody adds to them. */
async function converged(client: SystemClient, own: boolean, withinMs: number): Promise<ServerStatus[]> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const statuses = membersOf(await client.statuses());
    const [first] = statuses;
    const equal = statuses.every((status) => status.appliedIndex === first?.appliedIndex);
    if (!own || equal || performance.now() > deadlineMs) return statuses;
    await pause(CONVERGENCE_POLL_MS);
  }
}

/** Who is no member, or none any more, is sent nothing. */
function membersOf(statuses: readonly ServerStatus[]): ServerStatus[] {
  const voters = leaderOf(statuses)?.voters;
  return statuses.filter(({ id }) => voters?.includes(id) ?? true);
}

function replicaProblems(statuses: readonly ServerStatus[], withinMs: number): string[] {
  const [first] = statuses;
  if (first === undefined) return ['no server says what it has applied'];
  return statuses.flatMap(({ id, appliedIndex, keys, sessions }) => {
    if (appliedIndex !== first.appliedIndex) {
      return [
        `server ${id} has applied up to entry ${appliedIndex}, server ${first.id} up to ${first.appliedIndex}, ${withinMs} ms after the last answer`,
      ];
    }
    const equal = keys === first.keys && sessions === first.sessions;
    return equal
      ? []
      : [
          `server ${id} holds ${keys} keys and ${sessions} sessions, server ${first.id} ${first.keys} and ${first.sessions}`,
        ];
  });
}
