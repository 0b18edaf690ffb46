import { type ServerDuplexStream, status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { printable } from '../../cli/printable.ts';
import { MalformedMessageError, type MessageCodec, type NodeId, type Refusal } from '../../consensus/contract.ts';
import { type Hello, Welcome } from '../../wire/generated/peer.ts';
import { decodeFrame, MalformedFrameError, PEER_PROTOCOL_VERSION } from '../../wire/peerCodec.ts';
import type { Connection } from '../admission/connection.ts';
import type { LimitedLog } from '../observe/logLimiter.ts';
import { PEER_STREAM_METHOD } from './peerMethod.ts';

export interface PeerAcceptorOptions<M> {
  readonly self: NodeId;
  readonly serverCount: number;
  readonly engine: string;
  readonly codec: MessageCodec<M>;
  readonly log: LimitedLog;
  readonly receive: (from: NodeId, message: M) => Refusal | undefined;
  /** The connection of the stream that is being accepted. */
  readonly connection?: () => Connection | undefined;
}

/** Of a name that a stranger may have made up. */
const ENGINE_LENGTH_MAX = 40;

export const PEER_SERVICE = { stream: PEER_STREAM_METHOD };

/**
 * Takes the streams that peers dial. A peer that does not fit, or that sends what we cannot read or no correct server sends,
 * loses its stream and nothing else.
 */
export function peerImplementation<M>(options: PeerAcceptorOptions<M>): UntypedServiceImplementation {
  return {
    stream: (call: ServerDuplexStream<Buffer, Buffer>) => accept(call, options),
  };
}

function accept<M>(call: ServerDuplexStream<Buffer, Buffer>, options: PeerAcceptorOptions<M>): void {
  const { codec, log, receive } = options;
  let from: NodeId = 0;
  let refused = false;
  const connection = options.connection?.();
  const refuse = (code: status, details: string) => {
    refused = true;
    log.warn({ peer: from || undefined, from: call.getPeer() }, `refused a peer's stream: ${details}`);
    call.emit('error', { code, details });
  };
  call.on('data', (bytes: Buffer) => {
    if (refused) return;
    try {
      const { hello, messages } = decodeFrame(bytes);
      if (from === 0) {
        const misfit = whatMisfits(hello, options);
        if (misfit !== undefined) {
          refuse(status.FAILED_PRECONDITION, misfit);
          return;
        }
        from = hello!.from;
        if (connection !== undefined) connection.isPeer = true;
        call.write(Buffer.from(Welcome.encode({ version: PEER_PROTOCOL_VERSION }).finish()));
      }
      for (const message of messages) {
        const refusal = receive(from, codec.decode(message));
        if (refusal?.malformed) throw new MalformedMessageError(refusal.reason);
      }
    } catch (error) {
      if (!(error instanceof MalformedFrameError || error instanceof MalformedMessageError)) throw error;
      refuse(status.INVALID_ARGUMENT, error.message);
    }
  });
  call.on('error', () => {});
  call.on('end', () => call.end());
}

function whatMisfits<M>(
  hello: Hello | undefined,
  { self, serverCount, engine }: PeerAcceptorOptions<M>,
): string | undefined {
  if (hello === undefined) return "a peer's first frame must say hello";
  if (hello.version !== PEER_PROTOCOL_VERSION) {
    return `peer protocol version ${hello.version}, expected ${PEER_PROTOCOL_VERSION}`;
  }
  if (hello.to !== self) return `this is server ${self}, not server ${hello.to}: check -servers and -id`;
  if (hello.from < 1 || hello.from > serverCount || hello.from === self) {
    return `server ${hello.from} is not one of the other ${serverCount - 1} servers of -servers`;
  }
  if (hello.engine !== engine)
    return `server ${self} runs backend ${engine}, server ${hello.from} runs ${printable(hello.engine, ENGINE_LENGTH_MAX)}`;
  return undefined;
}
