import type fc from 'fast-check';
import type { NodeId } from '../consensus/contract.ts';
import { type Forgery, parts } from '../consensus/testing/forgery.ts';
import { KeyValueStore } from '../server/stateMachine/keyValueStore.ts';
import { CommandType, encodeCommand } from '../wire/command.ts';

/** Server 1 of three hears these. */
export const SENDERS: readonly NodeId[] = [2, 3];

const INSERT = encodeCommand({ type: CommandType.Insert, clientId: 1, clientSeq: 1, key: 'k', value: 'v' });

/** Every kind of message, of parts that mean something to the engine and to the state machine. */
export function forgedMessages(forgery: Forgery<unknown>, from: NodeId): fc.Arbitrary<unknown> {
  const datas = [new Uint8Array(0), INSERT, forgery.change(4), forgery.change(0)];
  return forgery.any(from, parts(datas, [new KeyValueStore().snapshot(), new Uint8Array(0)]));
}
