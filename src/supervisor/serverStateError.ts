/** A server that the cluster does not have, or one not in a state for what was asked. */
export class ServerStateError extends Error {
  override readonly name = 'ServerStateError';
}

/** How it is said of a server that a cluster of these does not have. */
export function noServer(id: number, ids: readonly number[]): string {
  return `no server ${id}: expected one of ${ids.join(', ')}`;
}
