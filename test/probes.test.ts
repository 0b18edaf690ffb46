import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Client, credentials, loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { protoPath } from 'grpc-health-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningCluster, startCluster } from '../src/supervisor/launcher.ts';

/** What grpcurl and Kubernetes probes ask of a server. */
describe('health checking and reflection', () => {
  let cluster: RunningCluster;
  let address: string;

  beforeAll(async () => {
    cluster = await startCluster({ nodes: 1, election: '200ms', metrics: false });
    address = cluster.plan.servers[0]!.address;
  });

  afterAll(() => cluster?.stop());

  const service = (file: string, ...names: string[]): Client => {
    let found: unknown = loadPackageDefinition(loadSync(file, { enums: String }));
    for (const name of names) found = (found as Record<string, unknown>)[name];
    return new (found as ServiceClientConstructor)(address, credentials.createInsecure());
  };

  it('says that it serves', async () => {
    const client = service(protoPath, 'grpc', 'health', 'v1', 'Health') as Client & {
      check(request: object, done: (error: Error | null, response: { status: string }) => void): void;
    };
    for (const name of ['', 'rkvpb.RKV']) {
      const status = await new Promise((resolve, reject) =>
        client.check({ service: name }, (error, response) => (error ? reject(error) : resolve(response.status))),
      );
      expect(status).toBe('SERVING');
    }
    client.close();
  });

  it('lists its services', async () => {
    const packageFolder = dirname(createRequire(import.meta.url).resolve('@grpc/reflection/package.json'));
    const file = join(packageFolder, 'build/proto/grpc/reflection/v1/reflection.proto');
    const client = service(file, 'grpc', 'reflection', 'v1', 'ServerReflection');
    const stream = (client as unknown as { serverReflectionInfo(): NodeJS.ReadWriteStream }).serverReflectionInfo();
    const names = await new Promise<string[]>((resolve, reject) => {
      stream.on('error', reject);
      stream.on('data', (response: { listServicesResponse: { service: { name: string }[] } }) =>
        resolve(response.listServicesResponse.service.map(({ name }) => name)),
      );
      (stream as unknown as { write(request: object): void }).write({ listServices: '*' });
    });
    stream.end();
    client.close();
    expect(names).toEqual(expect.arrayContaining(['rkvpb.RKV', 'gorums.Raft', 'rkvpeer.Peer', 'rkvadmin.Admin']));
  });
});
