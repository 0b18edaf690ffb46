/** A server that the cluster does not have, or one not in a state for what was asked. */
export class ServerStateError extends Error {
  override readonly name = 'ServerStateError';
}
