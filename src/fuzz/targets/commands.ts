import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { KeyValueStore } from '../../server/stateMachine/keyValueStore.ts';
import { type Command, CommandType, decodeCommand, encodeCommand, MalformedCommandError } from '../../wire/command.ts';
import { scanCommand, sessionOf } from '../../wire/commandScan.ts';
import { decodeFence, encodeFence, mayBeFence } from '../../wire/fence.ts';
import { anyNumber, damagedBytes } from '../mutation.ts';
import { demand, type FuzzTarget, taken } from '../target.ts';

const text = fc.string({ unit: 'binary', maxLength: 40 });
const command: fc.Arbitrary<Uint8Array> = fc
  .oneof(
    fc.constant<Command>({ type: CommandType.Register }),
    fc.record({
      type: fc.constant(CommandType.Insert),
      clientId: anyNumber,
      clientSeq: anyNumber,
      key: text,
      value: text,
    }),
    fc.record({ type: fc.constant(CommandType.Lookup), key: text }),
  )
  .map((each: Command) => encodeCommand(each));
const fence = fc.record({ id: anyNumber, instance: text }).map(encodeFence);

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

function checkScan(bytes: Uint8Array, decoded: Command | undefined): void {
  const scanned = scanCommand(bytes);
  demand((scanned === undefined) === (decoded === undefined), 'what is scanned is what is decoded');
  const session = decoded?.type === CommandType.Insert ? decoded.clientId : 0;
  if (scanned === undefined || decoded === undefined) return;
  const { type, clientId, keyStart, keyEnd, valueStart, valueEnd } = scanned;
  demand(type === decoded.type && clientId === session, 'a scanned command is of the type and session decoded');
  if (decoded.type === CommandType.Register) return;
  demand(utf8.decode(bytes.subarray(keyStart, keyEnd)) === decoded.key, 'the scanned key is the decoded one');
  if (decoded.type !== CommandType.Insert) return;
  demand(scanned.clientSeq === decoded.clientSeq, 'the scanned number is the decoded one');
  demand(utf8.decode(bytes.subarray(valueStart, valueEnd)) === decoded.value, 'the scanned value is the decoded one');
}

function checkFence(bytes: Uint8Array): void {
  const found = decodeFence(bytes);
  if (found === undefined) return;
  demand(mayBeFence(bytes), 'a fence is looked for');
  demand(isDeepStrictEqual(decodeFence(encodeFence(found)), found), 'a fence is what it was once it is written again');
}

/** What every replica makes of it is the same, and what is foreseen comes true. */
function checkApply(bytes: Uint8Array): void {
  const store = new KeyValueStore();
  store.apply(new Entry(1, 1, EntryType.Normal, new Uint8Array(0)));
  const foreseen = store.foresee(bytes, 1, true);
  const result = store.apply(new Entry(2, 1, EntryType.Normal, bytes));
  demand(
    foreseen === undefined || isDeepStrictEqual(foreseen, result),
    () => `what is foreseen comes true: ${JSON.stringify(foreseen)}, then ${JSON.stringify(result)}`,
  );
  const other = new KeyValueStore();
  const snapshot = store.snapshot();
  other.restore(snapshot);
  demand(Buffer.compare(other.snapshot(), snapshot) === 0, 'a snapshot restored is the same snapshot');
}

export const COMMANDS: FuzzTarget<Uint8Array> = {
  name: 'commands',
  takes: 'commands as they stand in the log, and fences: decoded, scanned, applied',
  inputs: damagedBytes(fc.oneof({ weight: 4, arbitrary: command }, { weight: 1, arbitrary: fence })),
  check(bytes) {
    const decoded = taken(() => decodeCommand(bytes), MalformedCommandError)?.value;
    checkScan(bytes, decoded);
    sessionOf(bytes);
    checkFence(bytes);
    checkApply(bytes);
    if (decoded === undefined) return false;
    const again = decodeCommand(encodeCommand(decoded));
    demand(isDeepStrictEqual(again, decoded), 'a command is what it was once it is written again');
    return true;
  },
};
