import { createRequire } from 'node:module';
import type { Server } from '@grpc/grpc-js';
import type { HealthImplementation } from 'grpc-health-check';
import type { GrpcServer } from '../../net/grpc/grpcServer.ts';

const KV_SERVICE = 'rkvpb.RKV';
type Serving = 'SERVING' | 'NOT_SERVING';

/**
 * Health checking as gRPC has it: the server itself, and whether clients are served. Made by the first that asks: its library
 * reads .proto files, which takes a good part of a second's start and is not needed for it.
 */
export class Health {
  private clients: Serving = 'NOT_SERVING';
  private made: HealthImplementation | undefined;

  addTo(server: GrpcServer): void {
    server.addWhenAsked('/grpc.health.v1.Health/', () => {
      const library = createRequire(import.meta.url)('grpc-health-check') as typeof import('grpc-health-check');
      this.made = new library.HealthImplementation({ '': 'SERVING', [KV_SERVICE]: this.clients });
      // It asks for no more of a server than this.
      this.made.addToServer(server as unknown as Server);
    });
  }

  servesClients(serves: boolean): void {
    this.clients = serves ? 'SERVING' : 'NOT_SERVING';
    this.made?.setStatus(KV_SERVICE, this.clients);
  }
}
