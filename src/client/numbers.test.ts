import { describe, expect, it, onTestFinished } from 'vitest';
import { InvalidNumberError } from './errors.ts';
import { type Workload, zipfWorkload } from './load/workload.ts';
import { RkvClient, type RkvClientOptions } from './rkvClient.ts';

/** Nobody listens there: what is refused is refused here. */
const ADDRESSES = ['127.0.0.1:1'];

function client(options: Partial<RkvClientOptions> = {}): RkvClient {
  const made = new RkvClient({ addresses: ADDRESSES, ...options });
  onTestFinished(() => made.close());
  return made;
}

const NO_IDS = [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '2' as unknown as number];
const NO_TIMES = [-1, Number.NaN, '5' as unknown as number, null as unknown as number];

describe('a number that the library takes', () => {
  it.each(NO_IDS)('is refused as a server to hand leadership to: %s', async (to) => {
    await expect(client().transferLeadership(to)).rejects.toThrow(InvalidNumberError);
    await expect(client().transferLeadership(to)).rejects.toThrow(/: expected a whole number from 0 to /);
  });

  it.each([0, ...NO_IDS])('is refused as a server to add: %s', async (serverId) => {
    const change = { change: 'add', serverId, waitForLeadership: false } as const;
    await expect(client().reconfigure(change)).rejects.toThrow(InvalidNumberError);
  });

  it.each(NO_TIMES)('is refused as a time: %s', async (timeoutMs) => {
    const one = client();
    await expect(one.lookup('key', { timeoutMs })).rejects.toThrow(
      /^timeoutMs is .*: expected a number of milliseconds/,
    );
    await expect(one.openSession({ timeoutMs })).rejects.toThrow(InvalidNumberError);
    await expect(one.status(ADDRESSES[0]!, { timeoutMs })).rejects.toThrow(InvalidNumberError);
    await expect(one.whoLeads(ADDRESSES[0]!, { timeoutMs })).rejects.toThrow(InvalidNumberError);
    await expect(one.transferLeadership(0, { timeoutMs })).rejects.toThrow(InvalidNumberError);
    for (const name of ['timeoutMs', 'backoffMinMs', 'backoffMaxMs', 'stallTimeoutMs'] as const) {
      expect(() => client({ [name]: timeoutMs })).toThrow(InvalidNumberError);
    }
  });

  it('is refused as a pause that a timer would not make', () => {
    expect(() => client({ backoffMaxMs: Number.POSITIVE_INFINITY })).toThrow(InvalidNumberError);
  });

  it.each([-1, 1.5, Number.NaN])('is refused as a size: %s', (size) => {
    expect(() => client({ commandBytesMax: size })).toThrow(/commandBytesMax is .*: expected a whole number/);
    const workload = (part: object): Workload =>
      zipfWorkload({ keyspace: 10, zipfS: 1.1, zipfV: 1, payloadBytes: 16, seed: 1, ...part });
    expect(() => workload({ payloadBytes: size })).toThrow(InvalidNumberError);
    expect(() => workload({ keyspace: size })).toThrow(InvalidNumberError);
  });
});
