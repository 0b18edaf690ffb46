import { Metadata, type ServiceError } from '@grpc/grpc-js';

/** The trailer of a failed call that says to programs what its text says to people. Servers of the original have none. */
const REASON_KEY = 'rkv-reason';
/** Beside the reason `not-leader`: the id of who leads, 0 where that is not known. */
const LEADER_KEY = 'rkv-leader';

export type WithMetadata = Pick<Partial<ServiceError>, 'metadata'>;

export function reasonMetadata(reason: string, leader?: number): Metadata {
  const metadata = new Metadata();
  metadata.set(REASON_KEY, reason);
  if (leader !== undefined) metadata.set(LEADER_KEY, String(leader));
  return metadata;
}

/** Empty where none is given. */
export function reasonOf(error: WithMetadata | undefined): string {
  return String(error?.metadata?.get(REASON_KEY)[0] ?? '');
}

/** Who leads by the word of whoever refused; undefined where it says nothing of it. */
export function leaderOf({ metadata }: WithMetadata): number | undefined {
  const text = metadata?.get(LEADER_KEY)[0];
  const leader = Number(text);
  return text !== undefined && Number.isSafeInteger(leader) && leader >= 0 ? leader : undefined;
}
