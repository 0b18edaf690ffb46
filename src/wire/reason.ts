import { Metadata, type ServiceError } from '@grpc/grpc-js';
import type { Fence } from './fence.ts';

/** The trailer of a failed call that says to programs what its text says to people. Servers of the original have none. */
const REASON_KEY = 'rkv-reason';
/** Beside the reason `not-leader`: the id of who leads, 0 where that is not known. */
const LEADER_KEY = 'rkv-leader';
/** Beside the reason `superseded`: the last fence of the server that asked, its index and the folder's name; `0` and nothing where there is none. */
const FENCE_KEY = 'rkv-fence';
const FENCE = /^([0-9]{1,16}) ([0-9a-f]{0,32})$/;

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

export function fenceMetadata(reason: string, { index, instance }: Fence): Metadata {
  const metadata = reasonMetadata(reason);
  metadata.set(FENCE_KEY, `${index} ${instance}`);
  return metadata;
}

/** The fence that the refusal names; undefined where it says nothing of it that can be read. */
export function fenceOf({ metadata }: WithMetadata): Fence | undefined {
  const [, index, instance] = FENCE.exec(String(metadata?.get(FENCE_KEY)[0] ?? '')) ?? [];
  return instance !== undefined && Number.isSafeInteger(Number(index)) ? { index: Number(index), instance } : undefined;
}
