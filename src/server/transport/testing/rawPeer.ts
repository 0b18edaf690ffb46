import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { decodeRefusal, type Refusal } from '../../../wire/peerCodec.ts';
import { FrameKind, FrameReader, PAYLOAD_BYTES_MAX, PEER_PREFACE } from '../../../wire/peerFrames.ts';
import { OPENING_VERSION } from '../../../wire/peerVersions.ts';

/** The dialler's side of a link, as a stranger would write it: it says what a test wants, and hears what comes. */
export class RawPeer {
  readonly socket: Socket;
  /** Resolves with the first frame, undefined where the link ended before one. */
  readonly answer: Promise<FrameKind | undefined>;
  /** Resolves once the other side has ended the link, with the reason that it gave. */
  readonly ended: Promise<Refusal | undefined>;
  /** What came, its bytes copied. */
  readonly frames: { readonly kind: FrameKind; readonly payload: Uint8Array }[] = [];
  /** That the link is to have once it is welcomed. */
  version = OPENING_VERSION;

  private constructor(socket: Socket) {
    this.socket = socket;
    let refusal: Refusal | undefined;
    let answered: (kind: FrameKind | undefined) => void = () => {};
    this.answer = new Promise((resolve) => {
      answered = resolve;
    });
    const reader = new FrameReader(PAYLOAD_BYTES_MAX, (kind, payload) => {
      this.frames.push({ kind, payload: payload.slice() });
      if (kind === FrameKind.Welcome) reader.version = this.version;
      if (kind === FrameKind.Refusal) refusal = decodeRefusal(payload);
      answered(kind);
    });
    let skipped = 0;
    socket.on('error', () => {});
    socket.on('data', (piece: Buffer) => {
      const skip = Math.min(PEER_PREFACE.length - skipped, piece.length);
      skipped += skip;
      reader.push(piece.subarray(skip));
    });
    this.ended = new Promise((resolve) => {
      socket.on('close', () => {
        answered(undefined);
        resolve(refusal);
      });
    });
  }

  /** `address`: `host:port`. Says the preface. */
  static async dial(address: string): Promise<RawPeer> {
    const at = address.lastIndexOf(':');
    const socket = connect(Number(address.slice(at + 1)), address.slice(0, at));
    const peer = new RawPeer(socket);
    await once(socket, 'connect');
    socket.write(PEER_PREFACE);
    return peer;
  }

  say(...frames: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  close(): void {
    this.socket.destroy();
  }
}
