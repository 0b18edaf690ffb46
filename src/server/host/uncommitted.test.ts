import { expect, it } from 'vitest';
import type { NodeId } from '../../consensus/contract.ts';
import { ENGINES, loadEngines } from '../../consensus/engines.ts';
import { CommandType, encodeCommand, REGISTER_BYTES } from '../../wire/command.ts';
import type { CommandOutcome } from './outcomes.ts';
import { type DrivenReplica, drivenReplica, SETTINGS } from './testing/drivenReplica.ts';

const IDS = [1, 2, 3];
const PENDING_BYTES_MAX = 64 * 1024;

it.each(Object.entries(await loadEngines(ENGINES)))(
  'a leader of %s that no quorum answers holds commands up to a bound in bytes, and refuses the rest; the bound is for what is open',
  async (_name, { kind }) => {
    let isCut = false;
    const mail: { readonly from: NodeId; readonly to: NodeId; readonly message: unknown }[] = [];
    const servers = new Map<NodeId, DrivenReplica<unknown>>();
    for (const id of IDS) {
      const send = (envelopes: readonly { readonly to: NodeId; readonly message: unknown }[]) => {
        for (const { to, message } of envelopes) mail.push({ from: id, to, message });
      };
      const options = {
        id,
        bootstrap: IDS,
        patience: id / 4,
        pendingBytesMax: PENDING_BYTES_MAX,
        environment: { send },
      };
      servers.set(id, drivenReplica(kind, options));
    }
    const pass = async (durationMs: number) => {
      for (let passedMs = 0; passedMs < durationMs; passedMs += 5) {
        for (const { step } of servers.values()) await step();
        for (const { from, to, message } of mail.splice(0)) {
          const bytes = kind.codec.encode(message);
          if (!isCut) servers.get(to)!.replica.receive(from, kind.codec.decode(bytes));
        }
        for (const { run } of servers.values()) run();
      }
    };
    await pass(5 * SETTINGS.electionTimeoutMs);
    const { replica } = [...servers.values()].find((each) => each.replica.leads)!;
    const outcomes = new Map<number, CommandOutcome>();
    const sink = {
      commandDone: (tag: number, outcome: CommandOutcome) => outcomes.set(tag, outcome),
      lookupDone: () => {},
    };
    replica.submit(REGISTER_BYTES, sink, 0);
    await pass(10 * SETTINGS.heartbeatMs);
    const registered = outcomes.get(0)!;
    const clientId = registered.status === 'ok' ? registered.clientId : 0;
    const insert = (clientSeq: number) =>
      encodeCommand({ type: CommandType.Insert, clientId, clientSeq, key: 'k', value: 'v'.repeat(1000) });
    isCut = true;
    const { lastIndex } = replica.status();
    for (let seq = 1; seq <= 200; seq++) {
      replica.submit(insert(seq), sink, seq);
      if (seq % 50 === 0) await pass(SETTINGS.heartbeatMs);
      if (seq % 50 === 0) expect(replica.pendingBytes).toBeLessThanOrEqual(PENDING_BYTES_MAX);
    }
    const refused = [...outcomes.values()].filter(({ status }) => status === 'overloaded').length;
    const open = 200 - refused;
    expect(open * insert(1).length).toBeLessThanOrEqual(PENDING_BYTES_MAX);
    expect(open).toBeGreaterThan(0.9 * (PENDING_BYTES_MAX / insert(1).length));
    expect(replica.status().lastIndex - lastIndex).toBeLessThanOrEqual(open);
    isCut = false;
    await pass(2 * SETTINGS.electionTimeoutMs);
    expect(replica.leads).toBe(true);
    expect([...outcomes.values()].filter(({ status }) => status === 'ok')).toHaveLength(1 + open);
    replica.submit(insert(201), sink, 201);
    await pass(10 * SETTINGS.heartbeatMs);
    expect(outcomes.get(201)).toMatchObject({ status: 'ok' });
    for (const { store } of servers.values()) await store.close();
  },
);
