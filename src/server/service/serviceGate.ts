import {
  type handleBidiStreamingCall,
  type handleUnaryCall,
  type ServiceDefinition,
  status,
  type UntypedHandleCall,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { GrpcServer } from '../../net/grpc/grpcServer.ts';
import type { ServiceOptions } from '../../net/grpc/method.ts';

/**
 * Services that are offered from the start, and answered once there is something to answer with. Until then every call is
 * refused with UNAVAILABLE and the reason: were the services not offered, peers and clients would take this server for one
 * of the original's.
 */
export class ServiceGate {
  private readonly grpc: GrpcServer;
  readonly whyClosed: () => string;

  constructor(grpc: GrpcServer, whyClosed: () => string) {
    this.grpc = grpc;
    this.whyClosed = whyClosed;
  }

  /** Offers the service; `early` are the methods that answer at once. Returns how to open the rest. */
  offer(
    service: ServiceDefinition,
    early: UntypedServiceImplementation = {},
    options: ServiceOptions = {},
  ): (implementation: UntypedServiceImplementation) => void {
    let opened: UntypedServiceImplementation = early;
    const handlers = Object.entries(service).map(([name, { requestStream, responseStream }]) => {
      const handler = (): UntypedHandleCall | undefined => opened[name] as UntypedHandleCall | undefined;
      return [name, requestStream || responseStream ? this.streaming(handler) : this.unary(handler)] as const;
    });
    this.grpc.addService(service, Object.fromEntries(handlers), options);
    return (implementation) => {
      opened = { ...early, ...implementation };
    };
  }

  private unary(handler: () => UntypedHandleCall | undefined): handleUnaryCall<unknown, unknown> {
    return (call, done) => {
      const opened = handler() as handleUnaryCall<unknown, unknown> | undefined;
      if (opened === undefined) done({ code: status.UNAVAILABLE, details: this.whyClosed() });
      else opened(call, done);
    };
  }

  private streaming(handler: () => UntypedHandleCall | undefined): handleBidiStreamingCall<unknown, unknown> {
    return (call) => {
      const opened = handler() as handleBidiStreamingCall<unknown, unknown> | undefined;
      if (opened !== undefined) {
        opened(call);
        return;
      }
      call.on('error', () => {});
      call.emit('error', { code: status.UNAVAILABLE, details: this.whyClosed() });
    };
  }
}
