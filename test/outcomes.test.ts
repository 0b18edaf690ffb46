import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandTooLargeError, InvalidCommandError } from '../src/client/errors.ts';
import { RkvClient } from '../src/client/rkvClient.ts';
import { type RunningCluster, startCluster } from '../src/supervisor/launcher.ts';
import { encodeInsert } from '../src/wire/command.ts';
import { RKVClient } from '../src/wire/generated/rkv.ts';
import { MESSAGE_OVERHEAD_BYTES } from '../src/wire/limits.ts';
import { type FailedOutcome, leaderInCall, outcomeOfCall, outcomeOfResult } from '../src/wire/outcome.ts';
import { CommandBatchWriter, readResultBatch, SESSION_METHOD } from '../src/wire/sessionCodec.ts';

const MAX_VALUE_BYTES = 200_000;

interface Insert {
  readonly clientID: number;
  readonly clientSeq: number;
  readonly key: string;
  readonly value: string;
}

describe('what real servers refuse', () => {
  let cluster: RunningCluster;
  let leader = 0;
  let clientID = 0;

  beforeAll(async () => {
    cluster = await startCluster({ nodes: 2, metrics: false, flags: { maxvalue: MAX_VALUE_BYTES } });
    leader = await cluster.waitForLeader({ timeoutMs: 10_000 });
    const rkv = new RKVClient(addressOf(leader), credentials.createInsecure());
    clientID = await new Promise((resolve, reject) => {
      rkv.register({}, (error, response) => (error === null ? resolve(response.clientID) : reject(error)));
    });
    rkv.close();
  });
  afterAll(() => cluster?.stop());

  const addressOf = (id: number) => cluster.addresses[id - 1]!;

  function called(address: string, insert: Insert): Promise<ServiceError> {
    const rkv = new RKVClient(address, credentials.createInsecure());
    return new Promise((resolve, reject) => {
      rkv.insert(insert, (error) => {
        rkv.close();
        if (error === null) reject(new Error('it was carried out'));
        else resolve(error);
      });
    });
  }

  function streamed(address: string, { clientID, clientSeq, key, value }: Insert): Promise<FailedOutcome | undefined> {
    const grpc = new Client(address, credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = SESSION_METHOD;
    const stream = grpc.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    const batch = new CommandBatchWriter();
    batch.add(1, encodeInsert(clientID, clientSeq, Buffer.from(key), Buffer.from(value)));
    stream.write(batch.finish());
    return new Promise((resolve, reject) => {
      stream.on('error', reject);
      stream.on('data', (bytes: Buffer) => {
        readResultBatch(bytes, {
          result: (_id, status) => {
            stream.removeAllListeners('error').on('error', () => {});
            stream.cancel();
            grpc.close();
            resolve(outcomeOfResult(status));
          },
        });
      });
    });
  }

  it.each<[FailedOutcome, Partial<Insert>]>([
    ['unknown-session', { clientID: 2 ** 40 }],
    ['sequence-too-far', { clientSeq: 2 ** 40 }],
    ['invalid', { key: '' }],
    ['invalid', { clientSeq: 0 }],
    ['too-large', { value: 'v'.repeat(MAX_VALUE_BYTES + 10_000) }],
  ])('is %s as an unary call and in a stream', async (outcome, wrong) => {
    const insert = { clientID, clientSeq: 1, key: 'k', value: 'v', ...wrong };
    expect(outcomeOfCall(await called(addressOf(leader), insert))).toBe(outcome);
    expect(await streamed(addressOf(leader), insert)).toBe(outcome);
  });

  it('says who leads, both ways', async () => {
    const other = addressOf(3 - leader);
    const insert = { clientID, clientSeq: 1, key: 'k', value: 'v' };
    const failure = await called(other, insert);
    expect(outcomeOfCall(failure)).toBe('not-leader');
    expect(leaderInCall(failure)).toBe(leader);
    expect(leaderInCall({ ...failure, details: '' })).toBe(leader);
    expect(await streamed(other, insert)).toBe('not-leader');
  });

  it.each(['stream', 'unary'] as const)(
    'a command that was a little larger than servers take came back as one that makes no sense, over %s',
    async (rpc) => {
      const client = new RkvClient({ addresses: cluster.addresses, rpc });
      try {
        const session = await client.openSession();
        // Beyond what the server takes a command, and beyond what it takes a message.
        for (const bytes of [MAX_VALUE_BYTES + 10_000, MAX_VALUE_BYTES + 3_000_000]) {
          await expect(session.insert('k', 'v'.repeat(bytes))).rejects.toThrow(CommandTooLargeError);
        }
        await expect(session.insert('', 'v')).rejects.toThrow(InvalidCommandError);
        // The largest that is taken: up to there every one is, and one byte more is too large, by name.
        let [taken, refused] = [MAX_VALUE_BYTES - 1, MAX_VALUE_BYTES + MESSAGE_OVERHEAD_BYTES];
        while (refused - taken > 1) {
          const bytes = Math.floor((taken + refused) / 2);
          const outcome = await session.insert('k', 'v'.repeat(bytes)).catch((error: unknown) => error);
          if (outcome === undefined) taken = bytes;
          else {
            expect(outcome).toBeInstanceOf(CommandTooLargeError);
            refused = bytes;
          }
        }
        // What stands around key and value takes the rest.
        expect(taken).toBeGreaterThan(MAX_VALUE_BYTES + MESSAGE_OVERHEAD_BYTES - 32);
        await session.insert('k', 'w'.repeat(taken));
        await expect(session.insert('k', 'x'.repeat(taken + 1))).rejects.toThrow(CommandTooLargeError);
        expect(await client.lookup('k')).toBe('w'.repeat(taken));
      } finally {
        client.close();
      }
    },
  );
});
