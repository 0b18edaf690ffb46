import type { ChannelOptions } from '@grpc/grpc-js';
import { FLOW_CONTROL_WINDOW_BYTES } from '../../net/grpc/grpcServer.ts';

export const RECONNECT_MIN_MS = 20;
export const RECONNECT_MAX_MS = 500;

/** How every gRPC connection to a peer is made: messages up to `-maxgrpc`, and back soon after a loss. */
export function peerChannelOptions(maxMessageBytes: number): ChannelOptions {
  return {
    'grpc.max_send_message_length': maxMessageBytes,
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc-node.flow_control_window': FLOW_CONTROL_WINDOW_BYTES,
    'grpc.initial_reconnect_backoff_ms': RECONNECT_MIN_MS,
    'grpc.min_reconnect_backoff_ms': RECONNECT_MIN_MS,
    'grpc.max_reconnect_backoff_ms': RECONNECT_MAX_MS,
  };
}
