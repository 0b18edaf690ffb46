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
