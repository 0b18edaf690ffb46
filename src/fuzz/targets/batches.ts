import fc from 'fast-check';
import { CommandBatch, ResultBatch, ResultStatus } from '../../wire/generated/rkv.ts';
import {
  CommandBatchWriter,
  decodeCommandBatch,
  MalformedBatchError,
  ResultBatchWriter,
  readResultBatch,
} from '../../wire/sessionCodec.ts';
import { anyNumber, damagedBytes } from '../mutation.ts';
import { demand, type FuzzTarget, taken } from '../target.ts';

/** The generated enumeration has its names as values, too, and one for what it does not know. */
const STATUSES = Object.values(ResultStatus).filter((each): each is ResultStatus => Number(each) > 0);
const id = fc.oneof(fc.nat(20), fc.constantFrom(2 ** 31, 2 ** 32 - 1));
const data = fc.uint8Array({ maxLength: 30 });
const text = fc.string({ unit: 'binary', maxLength: 20 });

/** As commands travel. */
export const commandBatch: fc.Arbitrary<Uint8Array> = fc.array(fc.tuple(id, data), { maxLength: 6 }).map((commands) => {
  const writer = new CommandBatchWriter();
  for (const [each, command] of commands) writer.add(each, command);
  return writer.finish();
});

type Write = (writer: ResultBatchWriter) => void;
const result: fc.Arbitrary<Write> = fc.oneof(
  id.map(
    (of): Write =>
      (writer) =>
        writer.ok(of),
  ),
  fc.tuple(id, anyNumber).map(
    ([of, client]): Write =>
      (writer) =>
        writer.registered(of, client),
  ),
  fc.tuple(id, fc.option(text, { nil: undefined })).map(
    ([of, value]): Write =>
      (writer) => {
        writer.value(of, value === undefined ? undefined : Buffer.from(value));
      },
  ),
  fc.tuple(id, fc.constantFrom(...STATUSES), text).map(
    ([of, status, detail]): Write =>
      (writer) => {
        writer.refused(of, status as ResultStatus, detail);
      },
  ),
  anyNumber.map(
    (commands): Write =>
      (writer) =>
        writer.window(commands),
  ),
  anyNumber.map(
    (bytes): Write =>
      (writer) =>
        writer.commandBytesMax(bytes),
  ),
  fc.tuple(anyNumber, text).map(
    ([leader, address]): Write =>
      (writer) =>
        writer.leader(leader, address),
  ),
);
const resultBatch = fc.array(result, { maxLength: 6 }).map((writes) => {
  const writer = new ResultBatchWriter();
  for (const write of writes) write(writer);
  return writer.finish();
});

/** What is taken, and written again, the generated code reads as ours did; of what is malformed it takes more, and less. */
const COMMAND_BATCHES: FuzzTarget<Uint8Array> = {
  name: 'command-batches',
  takes: "a session stream's commands",
  inputs: damagedBytes(commandBatch),
  check(bytes) {
    const batch = taken(() => decodeCommandBatch(bytes), MalformedBatchError)?.value;
    if (batch === undefined) return false;
    const writer = new CommandBatchWriter();
    for (const [at, each] of batch.ids.entries()) writer.add(each, batch.commands[at]!);
    const again = writer.finish();
    const read = decodeCommandBatch(again);
    const { commands } = CommandBatch.decode(again);
    demand(read.ids.length === batch.ids.length && commands.length === batch.ids.length, 'no command is lost');
    for (const [at, command] of batch.commands.entries()) {
      const twin = commands[at]!;
      const isSame = read.ids[at] === batch.ids[at] && Buffer.compare(read.commands[at]!, command) === 0;
      demand(isSame, 'a command is what it was once it is written again');
      demand(twin.id === batch.ids[at] && twin.cmd.equals(command), 'a command is what the generated code reads');
    }
    return batch.ids.length > 0;
  },
};

const INT32_MAX = 2 ** 31 - 1;

interface Result {
  readonly id: number;
  readonly status: number;
  readonly clientId: number;
  readonly value: string | undefined;
  readonly detail: string;
}

function rewritten(results: readonly Result[]): Buffer {
  const writer = new ResultBatchWriter();
  for (const { id: of, status, clientId, value, detail } of results) {
    if (status !== ResultStatus.RESULT_OK) writer.refused(of, status as ResultStatus, detail);
    else if (value !== undefined) writer.value(of, Buffer.from(value));
    else writer.registered(of, clientId);
  }
  return writer.finish();
}

const RESULT_BATCHES: FuzzTarget<Uint8Array> = {
  name: 'result-batches',
  takes: "a session stream's results",
  inputs: damagedBytes(resultBatch),
  check(bytes) {
    const results: Result[] = [];
    const read = () =>
      readResultBatch(bytes, {
        result: (of, status, clientId, value, detail) => results.push({ id: of, status, clientId, value, detail }),
      });
    const header = taken(read, MalformedBatchError)?.value;
    if (header === undefined) return false;
    const twin = ResultBatch.decode(rewritten(results)).results;
    demand(twin.length === results.length, 'no result is lost');
    for (const [at, { id: of, status, clientId, value, detail }] of results.entries()) {
      const each = twin[at]!;
      const isOk = status === ResultStatus.RESULT_OK;
      // Of what is no status the generated code makes one.
      const isSameStatus = Number(each.status) === status || status > INT32_MAX;
      demand(each.id === of && isSameStatus, 'a result is what the generated code reads');
      if (!isOk) demand(each.detail === detail, 'a detail is what the generated code reads');
      else if (value !== undefined) demand(each.value === value, 'a value is what the generated code reads');
      else demand(each.clientID === clientId, 'a session is what the generated code reads');
    }
    return results.length > 0 || header.window !== undefined;
  },
};

export const BATCHES = [COMMAND_BATCHES, RESULT_BATCHES] as const;
