import { createRequire } from 'node:module';
import type { Server } from '@grpc/grpc-js';
import { packagePath } from '../../cli/packagePath.ts';
import type { GrpcServer } from '../../net/grpc/grpcServer.ts';

const PROTO_FILES = ['rkv.proto', 'gorums.proto', 'peer.proto', 'admin.proto'];

/**
 * Server reflection over all our services, so that `grpcurl` works without proto files. Made by the first that asks: nothing
 * else in a start takes as long.
 */
export function addReflection(server: GrpcServer): void {
  server.addWhenAsked('/grpc.reflection.', () => {
    const require = createRequire(import.meta.url);
    const { loadSync } = require('@grpc/proto-loader') as typeof import('@grpc/proto-loader');
    const { ReflectionService } = require('@grpc/reflection') as typeof import('@grpc/reflection');
    const services = loadSync(PROTO_FILES, { keepCase: true, includeDirs: [packagePath('proto')] });
    // It asks for no more of a server than this.
    new ReflectionService(services).addToServer(server as unknown as Server);
  });
}
