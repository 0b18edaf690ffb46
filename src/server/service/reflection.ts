import { fileURLToPath } from 'node:url';
import { loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';

const PROTO_FOLDER = fileURLToPath(new URL('../../../proto/', import.meta.url));

/** Server reflection over all our services, so that `grpcurl` works without proto files. */
export function reflection(): ReflectionService {
  const files = ['rkv.proto', 'gorums.proto', 'peer.proto', 'admin.proto'].map((name) => PROTO_FOLDER + name);
  return new ReflectionService(loadSync(files, { keepCase: true }));
}
