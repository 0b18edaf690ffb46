import type { Socket } from 'node:net';
import { type GrpcError, refusalBlock } from '../../net/grpc/status.ts';
import { frameBytes, goAwayPayload } from '../../net/http2/frame.ts';
import { ErrorCode, Flag, FRAME_HEADER_BYTES, FrameType, PREFACE } from '../../net/http2/protocol.ts';
import { farewell } from './farewell.ts';

/** Whoever is refused has so long to ask something, and may say so much meanwhile. */
const ASK_MS_MAX = 2_000;
const ASK_BYTES_MAX = 64 * 1024;
/** How long he has to read the answer. */
const LINGER_MS = 500;

/**
 * Refuses whoever is at the other end in words that gRPC shows him: the first call that he makes is answered with `error`, and the connection is
 * ended. A GOAWAY would do, but clients show none of its words. Nothing of what he says is read but the kinds of his frames and their lengths.
 */
export function refuseFirstCall(socket: Socket, error: GrpcError): void {
  socket.on('error', () => {});
  const timer = setTimeout(() => socket.destroy(), ASK_MS_MAX);
  timer.unref();
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  let headerBytes = 0;
  let skipped = PREFACE.length;
  let bytes = 0;
  const take = (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > ASK_BYTES_MAX) socket.destroy();
    for (let at = 0; at < piece.length && !socket.destroyed; ) {
      if (skipped > 0) {
        const skip = Math.min(skipped, piece.length - at);
        skipped -= skip;
        at += skip;
        continue;
      }
      header[headerBytes++] = piece[at++]!;
      if (headerBytes < FRAME_HEADER_BYTES) continue;
      headerBytes = 0;
      skipped = header.readUIntBE(0, 3);
      if (header[3] === FrameType.Headers) {
        answer(header.readUInt32BE(5) & 0x7fff_ffff);
        return;
      }
    }
  };
  const answer = (stream: number) => {
    clearTimeout(timer);
    socket.off('data', take);
    const ends = Flag.EndHeaders | Flag.EndStream;
    const refusal = frameBytes(FrameType.Headers, ends, stream, refusalBlock(error));
    const goAway = frameBytes(FrameType.GoAway, 0, 0, goAwayPayload(stream, ErrorCode.NoError, ''));
    farewell(socket, Buffer.concat([refusal, goAway]), LINGER_MS);
  };
  socket.on('data', take);
  socket.on('close', () => clearTimeout(timer));
  socket.write(frameBytes(FrameType.Settings, 0, 0));
}
