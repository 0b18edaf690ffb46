import type { MethodDefinition } from '@grpc/grpc-js';

const same = (bytes: Buffer) => bytes;

/**
 * A method whose messages stay bytes, for codecs that read and write them in place and answer bad ones in their own
 * words. `streams`: both directions are streams.
 */
export function rawMethod(path: string, { streams = false } = {}): MethodDefinition<Buffer, Buffer> {
  return {
    path,
    requestStream: streams,
    responseStream: streams,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}
