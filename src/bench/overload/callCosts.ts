import { setTimeout as sleep } from 'node:timers/promises';
import type { Address } from '../../net/endpoints/addresses.ts';
import type { RunningCluster } from '../../supervisor/launcher.ts';
import { InsertRequest, RegisterResponse } from '../../wire/generated/rkv.ts';
import { RawConnection } from '../calls/rawConnection.ts';
import { sampleCpu } from '../facts/processTimes.ts';

const IN_FLIGHT = 256;
const WARM_UP_MS = 1000;
const MEASURED_MS = 3000;

/**
 * What a unary insert costs its server in processor time: served by a leader, and refused by a follower, which says that it
 * does not lead. One connection, with calls in flight all the time.
 */
export async function callCosts(
  cluster: RunningCluster,
  addresses: readonly Address[],
  leader: number,
): Promise<string> {
  const follower = leader === 1 ? 2 : 1;
  const served = await costUs(cluster, addresses[leader - 1]!, leader);
  const refused = await costUs(cluster, addresses[follower - 1]!, follower);
  const cost = ({ us, perSecond }: Cost) => `${us.toFixed(1)} µs (${Math.round(perSecond)}/s)`;
  return `processor time of a server, ${IN_FLIGHT} calls in flight: ${cost(served)} an insert on the leader, ${cost(refused)} a refusal by a follower`;
}

interface Cost {
  readonly us: number;
  readonly perSecond: number;
}

async function costUs(cluster: RunningCluster, address: Address, id: number): Promise<Cost> {
  const seconds = () => sampleCpu(cluster.pids()).servers.get(id) ?? Number.NaN;
  const connection = new RawConnection(address);
  const answer = await new Promise<Buffer | undefined>((resolve) => {
    connection.call('/rkvpb.RKV/Register', Buffer.alloc(0), { finished: resolve });
  });
  // A server that refuses to register a session refuses its inserts as well, whatever they say.
  const clientID = answer === undefined ? 1 : RegisterResponse.decode(answer).clientID;
  let clientSeq = 1;
  let calls = 0;
  const again = () => {
    const insert = { clientID, clientSeq: ++clientSeq, key: `k${clientSeq % 10_000}`, value: 'v'.repeat(16) };
    connection.call('/rkvpb.RKV/Insert', Buffer.from(InsertRequest.encode(insert).finish()), owner);
  };
  const owner = {
    finished: () => {
      calls++;
      if (!connection.closed) again();
    },
  };
  for (let i = 0; i < IN_FLIGHT; i++) again();
  await sleep(WARM_UP_MS);
  const before = { calls, seconds: seconds(), atMs: performance.now() };
  await sleep(MEASURED_MS);
  const made = calls - before.calls;
  const perSecond = (made / (performance.now() - before.atMs)) * 1000;
  const us = ((seconds() - before.seconds) / made) * 1e6;
  connection.close();
  return { us, perSecond };
}
