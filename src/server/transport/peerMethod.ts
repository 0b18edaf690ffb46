import type { MethodDefinition } from '@grpc/grpc-js';

const bytes = (buffer: Buffer) => buffer;

/** `rkvpeer.Peer/Stream` with its messages left as bytes. */
export const PEER_STREAM_METHOD: MethodDefinition<Buffer, Buffer> = {
  path: '/rkvpeer.Peer/Stream',
  requestStream: true,
  responseStream: true,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
};

/** HTTP/2's default of 64 KiB holds less than one append message of a follower that catches up. */
export const FLOW_CONTROL_WINDOW_BYTES = 4 * 1024 * 1024;
