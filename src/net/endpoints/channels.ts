import type { ChannelCredentials, ChannelOptions, Client } from '@grpc/grpc-js';
import { FLOW_CONTROL_WINDOW_BYTES } from './flowControl.ts';
import type { Security } from './security.ts';

/** How soon a peer is dialled again, at first and in the end; links keep to it as well. */
export const PEER_RECONNECT_MIN_MS = 20;
export const PEER_RECONNECT_MAX_MS = 500;
/** A server that has just started is to be seen soon. */
const STATUS_RECONNECT_MIN_MS = 50;
const STATUS_RECONNECT_MAX_MS = 500;

/** A client of grpc-js, or a generated one. */
export type ClientClass<C extends Client> = new (
  address: string,
  credentials: ChannelCredentials,
  options: ChannelOptions,
) => C;

/**
 * Makes a gRPC client of its own channel. It dials with its first call. `serverId`: the server that has to be there, where no other one
 * of the cluster will do.
 */
export function openChannel<C extends Client>(
  clientClass: ClientClass<C>,
  address: string,
  options: ChannelOptions,
  security: Security,
  serverId?: number,
): C {
  return new clientClass(address, security.channelCredentials(serverId), { ...options, ...security.channelOptions });
}

/** From a server to a peer: messages up to `-maxgrpc`, and back soon after a loss. */
export function peerChannelOptions(messageBytesMax: number): ChannelOptions {
  return {
    'grpc.max_send_message_length': messageBytesMax,
    'grpc.max_receive_message_length': messageBytesMax,
    'grpc-node.flow_control_window': FLOW_CONTROL_WINDOW_BYTES,
    // Links go straight to the peer as well, whatever the environment says.
    'grpc.enable_http_proxy': 0,
    ...reconnecting(PEER_RECONNECT_MIN_MS, PEER_RECONNECT_MAX_MS),
  };
}

/** An introduction with as many starts and acquaintances as it may have takes 2 KiB, more than `-maxgrpc` has to allow. */
const INTRODUCTION_BYTES_MAX = 64 * 1024;

/** From a server to a peer, to ask who that is. */
export function introductionChannelOptions(): ChannelOptions {
  return peerChannelOptions(INTRODUCTION_BYTES_MAX);
}

/** The same for one question: how an earlier connection went says nothing of whether one is to be had now. */
export function questionChannelOptions(): ChannelOptions {
  return { ...introductionChannelOptions(), 'grpc.use_local_subchannel_pool': 1 };
}

/** From a client to a server: whoever uses it decides when to try again, and where. */
export function clientChannelOptions(answerBytesMax: number): ChannelOptions {
  return {
    'grpc.max_receive_message_length': answerBytesMax,
    'grpc.max_send_message_length': -1,
    'grpc-node.flow_control_window': FLOW_CONTROL_WINDOW_BYTES,
    // Retries are ours: gRPC's would keep a copy of what was sent.
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.enable_http_proxy': 0,
    // A connection that failed must not make the next attempt wait.
    'grpc.use_local_subchannel_pool': 1,
  };
}

/** From a supervisor to servers of its machine, which it asks how they are again and again. */
export const STATUS_CHANNEL_OPTIONS: ChannelOptions = {
  'grpc.enable_http_proxy': 0,
  ...reconnecting(STATUS_RECONNECT_MIN_MS, STATUS_RECONNECT_MAX_MS),
};

function reconnecting(minMs: number, maxMs: number): ChannelOptions {
  return {
    'grpc.initial_reconnect_backoff_ms': minMs,
    'grpc.min_reconnect_backoff_ms': minMs,
    'grpc.max_reconnect_backoff_ms': maxMs,
  };
}
