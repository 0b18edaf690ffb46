import { Client, credentials, status as GrpcStatus } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RkvClient } from '../src/client/rkvClient.ts';
import { ENGINE_NAMES } from '../src/consensus/engines.ts';
import { type RunningCluster, startCluster } from '../src/supervisor/launcher.ts';
import { encodeInsert } from '../src/wire/command.ts';
import { ResultStatus, RKVClient } from '../src/wire/generated/rkv.ts';
import { CommandBatchWriter, readResultBatch, SESSION_METHOD } from '../src/wire/sessionCodec.ts';

const utf8 = new TextEncoder();
/** An index that no entry of these logs reaches. */
const FAR = 2 ** 40;

describe.each(ENGINE_NAMES)('three servers with the %s engine', (backend) => {
  let cluster: RunningCluster;
  let leader = '';
  let client: RkvClient;

  beforeAll(async () => {
    cluster = await startCluster({ nodes: 3, backend, election: '500ms', metrics: false });
    client = new RkvClient({ addresses: cluster.addresses });
    const session = await client.openSession();
    await session.insert('k', 'v');
    leader = cluster.addresses[(await cluster.status()).find(({ role }) => role === 'leader')!.id - 1]!;
  });
  afterAll(async () => {
    client?.close();
    await cluster?.stop();
  });

  const lastIndex = async () => (await client.status(leader)).lastIndex;

  function unaryInsert(clientID: number, value = 'stray'): Promise<GrpcStatus | undefined> {
    const rkv = new RKVClient(leader, credentials.createInsecure());
    const request = { clientID, clientSeq: 2, key: 'k', value };
    return new Promise((resolve) => {
      rkv.insert(request, (error) => {
        rkv.close();
        resolve(error?.code);
      });
    });
  }

  function registered(): Promise<number> {
    const rkv = new RKVClient(leader, credentials.createInsecure());
    return new Promise((resolve, reject) => {
      rkv.register({}, (error, answer) => {
        rkv.close();
        if (error === null) resolve(answer.clientID);
        else reject(error);
      });
    });
  }

  function streamed(commands: readonly Uint8Array[]): Promise<ResultStatus[]> {
    const grpc = new Client(leader, credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = SESSION_METHOD;
    const stream = grpc.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    const batch = new CommandBatchWriter();
    for (const [id, command] of commands.entries()) batch.add(id + 1, command);
    stream.write(batch.finish());
    const found: ResultStatus[] = [];
    return new Promise((resolve, reject) => {
      stream.on('error', reject);
      stream.on('data', (bytes: Buffer) => {
        readResultBatch(bytes, { result: (id, status) => (found[id - 1] = status) });
        if (Object.keys(found).length < commands.length) return;
        stream.removeAllListeners('error').on('error', () => {});
        stream.cancel();
        grpc.close();
        resolve(found);
      });
    });
  }

  it('an insert of an unknown session was replicated to every server and only then refused', async () => {
    const before = await lastIndex();
    expect(await Promise.all([1, before, before + 1, FAR].map((id) => unaryInsert(id)))).toEqual(
      Array.from({ length: 4 }, () => GrpcStatus.NOT_FOUND),
    );
    const stray = (id: number) => encodeInsert(id, 2, utf8.encode('k'), utf8.encode('stray'));
    const malformed = stray(1).subarray(0, 7);
    expect(await streamed([stray(1), stray(FAR), malformed])).toEqual([
      ResultStatus.RESULT_UNKNOWN_SESSION,
      ResultStatus.RESULT_UNKNOWN_SESSION,
      ResultStatus.RESULT_INVALID,
    ]);
    expect(await lastIndex()).toBe(before);
    expect(await client.lookup('k')).toBe('v');
  });

  it('an insert that was applied before stood in the log again each time that it was retried', async () => {
    const id = await registered();
    expect(await unaryInsert(id, 'first')).toBeUndefined();
    await client.openSession().then((other) => other.insert('k', 'v'));
    const before = await lastIndex();
    expect(await Promise.all([1, 2, 3].map(() => unaryInsert(id, 'first')))).toEqual([undefined, undefined, undefined]);
    const again = encodeInsert(id, 2, utf8.encode('k'), utf8.encode('first'));
    expect(await streamed([again, again])).toEqual([ResultStatus.RESULT_OK, ResultStatus.RESULT_OK]);
    expect(await lastIndex()).toBe(before);
    expect(await client.lookup('k')).toBe('v');
  });
});
