import { type ClientDuplexStream, credentials, Client as GrpcClient, type ServiceError, status } from '@grpc/grpc-js';
import { printable } from '../../cli/printable.ts';
import type { MessageCodec, NodeId } from '../../consensus/contract.ts';
import { type Address, formatAddress } from '../../wire/addresses.ts';
import { Welcome } from '../../wire/generated/peer.ts';
import { encodeFrame, encodeHello, PEER_PROTOCOL_VERSION } from '../../wire/peerCodec.ts';
import { explainMisfit, introductionOf, type Misfit } from '../identity/identity.ts';
import type { IdentityFile } from '../identity/identityFile.ts';
import type { LimitedLog } from '../observe/logLimiter.ts';
import { checkedIntroduction, misfitNamed, reasonOf } from './introductions.ts';
import { PEER_STREAM_METHOD, peerChannelOptions, RECONNECT_MAX_MS, RECONNECT_MIN_MS } from './peerMethod.ts';

/** Bytes that may wait in a link; what comes on top is dropped, as a network would. */
export const LINK_BYTES_MAX = 64 * 1024 * 1024;
/** A message in a frame takes its bytes and at most these: a tag and a length below 2^35. */
const FRAMING_BYTES_MAX = 6;

/** Of what a peer says about itself, in our log. */
const REASON_LENGTH_MAX = 500;

export interface PeerLinkOptions<M> {
  readonly self: NodeId;
  readonly peer: NodeId;
  readonly address: Address;
  readonly identity: IdentityFile;
  readonly codec: MessageCodec<M>;
  readonly maxMessageBytes: number;
  readonly log: LimitedLog;
  /** The peer took our stream: it has nothing against us. */
  readonly accepted: (peer: NodeId) => void;
  /** The peer takes us for somebody who must not take part, for the reason given. */
  readonly refused: (peer: NodeId, misfit: Misfit, details: string) => void;
  /** The peer does not know our stream: it is one of the original's servers. */
  readonly unimplemented: () => void;
}

/**
 * The way to one peer: an ordered stream that carries a turn's messages in one frame, or in as many as gRPC's limit on a
 * message asks for. While it is down messages are dropped, which engines expect of networks; it comes back by itself.
 */
export class PeerLink<M> {
  private readonly options: PeerLinkOptions<M>;
  private readonly client: GrpcClient;
  private stream: ClientDuplexStream<Buffer, Buffer> | undefined;
  private waitingBytes = 0;
  private reconnectMs = RECONNECT_MIN_MS;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;
  private reported = '';

  constructor(options: PeerLinkOptions<M>) {
    this.options = options;
    const { address, maxMessageBytes } = options;
    this.client = new GrpcClient(formatAddress(address), credentials.createInsecure(), {
      ...peerChannelOptions(maxMessageBytes),
      'grpc.keepalive_time_ms': 10_000,
      'grpc.keepalive_timeout_ms': 5_000,
    });
  }

  /** Messages of one turn, in order. */
  send(messages: readonly M[]): void {
    if (this.closed) return;
    if (this.stream === undefined) {
      if (this.timer !== undefined) return;
      this.connect();
    }
    let frame: Uint8Array[] = [];
    let frameBytes = 0;
    for (const message of messages) {
      const bytes = this.options.codec.encode(message);
      const size = bytes.length + FRAMING_BYTES_MAX;
      if (size > this.options.maxMessageBytes) {
        this.reportTooLarge(bytes.length);
        continue;
      }
      if (frameBytes + size > this.options.maxMessageBytes) {
        this.write(frame);
        frame = [];
        frameBytes = 0;
      }
      frame.push(bytes);
      frameBytes += size;
    }
    if (frame.length > 0) this.write(frame);
  }

  private write(messages: readonly Uint8Array[]): void {
    const { stream } = this;
    if (stream === undefined || this.waitingBytes > LINK_BYTES_MAX) return;
    const frame = encodeFrame(messages);
    this.waitingBytes += frame.length;
    stream.write(frame, () => {
      // What waited in a stream that is lost was forgotten with it.
      if (this.stream === stream) this.waitingBytes -= frame.length;
    });
  }

  /** To send it would end the stream, and the heartbeats with it. */
  private reportTooLarge(size: number): void {
    const { peer, log, maxMessageBytes } = this.options;
    const reason = `a message of ${size} bytes is not sent: -maxgrpc allows ${maxMessageBytes}`;
    if (reason === this.reported) return;
    this.reported = reason;
    log.error({ peer }, reason);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.stream?.cancel();
    this.client.close();
  }

  private connect(): void {
    const { self, peer, identity } = this.options;
    const { path, requestSerialize, responseDeserialize } = PEER_STREAM_METHOD;
    const stream = this.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.stream = stream;
    this.waitingBytes = 0;
    stream.on('data', (bytes: Buffer) => this.welcomed(stream, bytes));
    stream.on('error', (error: ServiceError) => this.lost(stream, error));
    stream.on('end', () => this.lost(stream, undefined));
    const introduction = introductionOf(identity.identity);
    const { engine } = introduction;
    stream.write(encodeHello({ version: PEER_PROTOCOL_VERSION, from: self, to: peer, engine, introduction }));
  }

  private welcomed(stream: ClientDuplexStream<Buffer, Buffer>, bytes: Buffer): void {
    const { peer, identity, log, address, accepted } = this.options;
    const misfit = this.misfitOfWelcome(bytes);
    if (misfit !== undefined) {
      if (misfit !== this.reported) log.error({ peer }, `refused to speak to a peer: ${misfit}`);
      this.reported = misfit;
      stream.cancel();
      return;
    }
    this.reconnectMs = RECONNECT_MIN_MS;
    this.reported = '';
    const { cluster } = identity.identity;
    log.info({ peer, address: formatAddress(address), cluster: cluster || 'not known' }, 'connected to peer');
    accepted(peer);
  }

  private misfitOfWelcome(bytes: Buffer): string | undefined {
    const { peer, identity } = this.options;
    try {
      const claim = checkedIntroduction(Welcome.decode(bytes).introduction);
      if (claim?.id !== peer) return `what answers there is not server ${peer}`;
      const own = identity.identity;
      const misfit = identity.meet(claim);
      return misfit === undefined ? undefined : explainMisfit(misfit, own, claim);
    } catch (error) {
      return `its welcome cannot be used: ${(error as Error).message}`;
    }
  }

  private lost(stream: ClientDuplexStream<Buffer, Buffer>, error: ServiceError | undefined): void {
    if (this.stream !== stream || this.closed) return;
    this.stream = undefined;
    if (error?.code === status.UNIMPLEMENTED) this.options.unimplemented();
    const misfit = misfitNamed(reasonOf(error));
    if (misfit !== undefined) this.options.refused(this.options.peer, misfit, error!.details);
    this.report(error);
    this.timer = setTimeout(() => {
      this.timer = undefined;
    }, this.reconnectMs);
    this.timer.unref();
    this.reconnectMs = Math.min(this.reconnectMs * 2, RECONNECT_MAX_MS);
  }

  /** Says once why a peer is out of reach, not at every attempt. */
  private report(error: ServiceError | undefined): void {
    // Our own doing, and said already.
    if (error?.code === status.CANCELLED) return;
    const { peer, log } = this.options;
    const reason = printable(error?.message ?? 'the peer ended the stream', REASON_LENGTH_MAX);
    if (reason === this.reported) return;
    this.reported = reason;
    if (error?.code === status.FAILED_PRECONDITION) log.error({ peer }, `peer refuses us: ${reason}`);
    else log.warn({ peer }, `peer is out of reach: ${reason}`);
  }
}
