/** What a server says of itself at one moment; undefined where it does not answer. */
export interface ServerSample {
  readonly id: number;
  readonly role: string | undefined;
  readonly term: number | undefined;
  /** The id of the leader it knows; 0: none. */
  readonly leader: number | undefined;
  readonly commitIndex: number | undefined;
  readonly appliedIndex: number | undefined;
  readonly voters: readonly number[] | undefined;
}

/** The server that leads, if a majority of the voters it names follow it in its term. */
export function findLeader<T extends ServerSample>(samples: readonly T[]): T | undefined {
  let newest: T | undefined;
  for (const sample of samples) {
    if (sample.role === 'leader' && sample.term! > (newest?.term ?? -1)) newest = sample;
  }
  if (newest === undefined) return undefined;
  const voters = newest.voters ?? [];
  let followed = 0;
  for (const { id, term, leader } of samples) {
    if (term === newest.term && leader === newest.id && voters.includes(id)) followed++;
  }
  return followed > voters.length / 2 ? newest : undefined;
}

/** As `findLeader`, unless it knows itself that no quorum answers it: then it serves nobody, whoever may still believe in it. */
export function findServingLeader<T extends ServerSample>(samples: readonly T[]): T | undefined {
  const found = findLeader(samples);
  return found?.leader === found?.id ? found : undefined;
}

/** Whether the server takes part under this leader and has applied up to `goalIndex`. */
export function isLevel(
  sample: ServerSample | undefined,
  leader: ServerSample | undefined,
  goalIndex: number,
): boolean {
  if (sample === undefined || leader === undefined || sample.term !== leader.term) return false;
  return (sample.role === 'follower' || sample.role === 'leader') && (sample.appliedIndex ?? 0) >= goalIndex;
}
