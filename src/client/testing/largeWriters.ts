import { parentPort, workerData } from 'node:worker_threads';
import { RkvClient } from '../rkvClient.ts';

export interface LargeWriting {
  readonly addresses: readonly string[];
  /** Each writes `large <n>` of so many bytes, and then `small <n>`; n from 0 on. */
  readonly clients: number;
  readonly valueBytes: number;
  readonly timeoutMs: number;
  /** How many large values were acknowledged. */
  readonly acknowledged: Int32Array;
}

/** A thread of its own, so that what making and sending the values costs does not count as anyone else's wait. */
const { addresses, clients, valueBytes, timeoutMs, acknowledged } = workerData as LargeWriting;

async function write(n: number, value: string): Promise<void> {
  const client = new RkvClient({ addresses, timeoutMs });
  try {
    const session = await client.openSession();
    await session.insert(`large ${n}`, value);
    Atomics.add(acknowledged, 0, 1);
    await session.insert(`small ${n}`, 'small');
  } finally {
    client.close();
  }
}

const value = 'v'.repeat(valueBytes);
await Promise.all(Array.from({ length: clients }, (_, n) => write(n, value)));
parentPort!.postMessage('written');
