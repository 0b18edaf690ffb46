import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Client, credentials, loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { protoPath } from 'grpc-health-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RkvClient } from '../src/client/rkvClient.ts';
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

  it('says where its time goes while it is asked to look, and not before', async () => {
    const client = new RkvClient({ addresses: [address] });
    const ask = async (lastsMs: number) => {
      const [report] = await client.measureStages(lastsMs);
      if (!('stages' in report!)) throw report!.error;
      return report.stages;
    };
    const session = await client.openSession();
    await session.insert('before', 'x');
    expect(await ask(60_000)).toMatchObject({ seconds: 0, spreads: [] });
    // Looking for a moment follows one write or more; those are waited for, not a time.
    for (let i = 0; i < 20; i++) await session.insert(`key ${i}`, 'x'.repeat(100));
    await client.lookup('key 1');
    const { seconds, spreads, loopUtilization } = await ask(0);
    expect(seconds).toBeGreaterThan(0);
    expect(loopUtilization).toBeGreaterThan(0);
    const of = (name: string) => spreads.find((spread) => spread.name === name);
    for (const name of ['wait', 'quorum', 'apply', 'answer', 'write', 'disk', 'loop'])
      expect(of(name)?.unit).toBe('us');
    expect(of('write')!.count).toBeLessThanOrEqual(20);
    expect(of('write')!.max).toBeGreaterThanOrEqual(of('quorum')!.max);
    expect(of('entries-per-sync')).toMatchObject({ unit: 'entries', count: of('disk')!.count, p50: 1 });
    expect(await ask(0)).toMatchObject({ seconds: 0, spreads: [] });
    const [refused] = await client.measureStages(3_600_001);
    expect(refused).toMatchObject({ error: { message: expect.stringContaining('at most 3600000 ms') } });
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
