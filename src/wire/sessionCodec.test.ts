import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CommandBatch, type Result, ResultBatch, ResultStatus } from './generated/rkv.ts';
import {
  CommandBatchWriter,
  decodeCommandBatch,
  MalformedBatchError,
  ResultBatchWriter,
  readResultBatch,
} from './sessionCodec.ts';

const id = fc.oneof(fc.constantFrom(0, 1, 127, 128, 0xffffffff), fc.integer({ min: 0, max: 0xffffffff }));
const uint53 = fc.oneof(fc.constantFrom(0, 1, 2 ** 53 - 1), fc.nat());
const bytes = fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ minLength: 60, maxLength: 200 }));
const text = fc.oneof(fc.string({ maxLength: 30 }), fc.string({ unit: 'grapheme', maxLength: 60 }));
const commands = fc.array(fc.record({ id, cmd: bytes }), { maxLength: 40 });

const result: fc.Arbitrary<Result> = fc.oneof(
  fc.record({ id }).map((r) => ({ ...r, status: ResultStatus.RESULT_OK, clientID: 0, value: undefined, detail: '' })),
  fc
    .record({ id, clientID: uint53 })
    .map((r) => ({ ...r, status: ResultStatus.RESULT_OK, value: undefined, detail: '' })),
  fc
    .record({ id, value: fc.option(text, { nil: undefined }) })
    .map((r) => ({ ...r, status: ResultStatus.RESULT_OK, clientID: 0, detail: '' })),
  fc
    .record({ id, status: fc.constantFrom(1 as const, 2 as const, 3 as const, 4 as const, 7 as const), detail: text })
    .map((r) => ({ ...r, clientID: 0, value: undefined })),
);

function readAll(message: Uint8Array): ResultBatch {
  const results: Result[] = [];
  const header = readResultBatch(message, {
    result: (id, status, clientID, value, detail) => results.push({ id, status, clientID, value, detail }),
  });
  return {
    results,
    window: header.window ?? 0,
    commandBytesMax: header.commandBytesMax ?? 0,
    leader: header.leader ?? 0,
    leaderAddress: header.leaderAddress ?? '',
  };
}

describe('CommandBatch', () => {
  it('is written as the generated code writes it', () => {
    const writer = new CommandBatchWriter();
    fc.assert(
      fc.property(commands, (batch) => {
        for (const { id, cmd } of batch) writer.add(id, cmd);
        expect(writer.count).toBe(batch.length);
        const size = writer.byteLength;
        const written = writer.finish();
        expect(written.length).toBe(size);
        const expected = CommandBatch.encode({ commands: batch.map((c) => ({ ...c, cmd: Buffer.from(c.cmd) })) });
        expect(written.equals(expected.finish())).toBe(true);
        expect(writer.count + writer.byteLength).toBe(0);
      }),
    );
  });

  it('is read as the generated code reads it', () => {
    fc.assert(
      fc.property(commands, (batch) => {
        const message = CommandBatch.encode({ commands: batch.map((c) => ({ ...c, cmd: Buffer.from(c.cmd) })) });
        // Off the buffer's start: the commands are views.
        const padded = Buffer.concat([Buffer.from('pad'), message.finish()]).subarray(3);
        const { ids, commands } = decodeCommandBatch(padded);
        expect(ids).toEqual(batch.map((c) => c.id));
        expect(commands.map((c) => [...c])).toEqual(batch.map((c) => [...c.cmd]));
      }),
    );
  });

  it('grows past its first buffer and shrinks again', () => {
    const writer = new CommandBatchWriter();
    const cmd = new Uint8Array(3000).fill(7);
    for (let i = 0; i < 1000; i++) writer.add(i, cmd);
    const { ids, commands } = decodeCommandBatch(writer.finish());
    expect(ids.length).toBe(1000);
    expect(commands.every((c) => c.length === 3000 && c[2999] === 7)).toBe(true);
    writer.add(5, cmd);
    expect(decodeCommandBatch(writer.finish()).ids).toEqual([5]);
  });

  it('skips fields it does not know', () => {
    // Field 9 (varint) of the batch, then a command with field 3 (bytes) inside.
    const message = Uint8Array.from([0x48, 1, 0x0a, 8, 0x1a, 1, 0xff, 0x08, 5, 0x12, 1, 0xaa]);
    expect(decodeCommandBatch(message)).toEqual({ ids: [5], commands: [Uint8Array.of(0xaa)] });
  });
});

describe('ResultBatch', () => {
  const header = fc.option(
    fc.record({ window: uint53, leader: uint53, leaderAddress: text, commandBytesMax: uint53 }),
    { nil: undefined },
  );

  it('is written so that the generated code reads it', () => {
    const writer = new ResultBatchWriter();
    fc.assert(
      fc.property(fc.array(result, { maxLength: 40 }), header, (results, header) => {
        for (const each of results) write(writer, each);
        if (header !== undefined) {
          writer.window(header.window % 2 ** 32);
          writer.leader(header.leader, header.leaderAddress);
          writer.commandBytesMax(header.commandBytesMax);
        }
        expect(writer.count).toBe(results.length);
        const expected = { window: 0, leader: 0, leaderAddress: '', commandBytesMax: 0, ...header, results };
        expected.window %= 2 ** 32;
        const message = writer.finish();
        expect(ResultBatch.decode(message)).toEqual(expected);
        expect(readAll(message)).toEqual(expected);
      }),
    );
  });

  it('is read as the generated code reads it', () => {
    fc.assert(
      fc.property(fc.array(result, { maxLength: 40 }), header, (results, header) => {
        const batch = { results, ...(header ?? { window: 0, leader: 0, leaderAddress: '', commandBytesMax: 0 }) };
        batch.window %= 2 ** 32;
        expect(readAll(ResultBatch.encode(batch).finish())).toEqual(batch);
      }),
    );
  });

  it('tells a missing value from an empty one, and a leader of 0 from none said', () => {
    const writer = new ResultBatchWriter();
    writer.value(1, new Uint8Array(0));
    writer.value(2, undefined);
    writer.leader(0, '');
    const message = writer.finish();
    expect(readAll(message).results.map((r) => r.value)).toEqual(['', undefined]);
    const nothing = { result: () => {} };
    expect(readResultBatch(message, nothing)).toEqual({
      window: undefined,
      leader: 0,
      leaderAddress: '',
      commandBytesMax: undefined,
    });
    expect(readResultBatch(new Uint8Array(0), nothing)).toEqual({
      window: undefined,
      leader: undefined,
      leaderAddress: undefined,
      commandBytesMax: undefined,
    });
  });
});

function write(writer: ResultBatchWriter, { id, status, clientID, value, detail }: Result): void {
  if (status !== ResultStatus.RESULT_OK) writer.refused(id, status, detail);
  else if (value !== undefined) writer.value(id, Buffer.from(value));
  else if (clientID !== 0) writer.registered(id, clientID);
  else writer.ok(id);
}

describe('garbage', () => {
  it('is refused with MalformedBatchError and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (garbage) => {
        for (const read of [decodeCommandBatch, readAll]) {
          try {
            read(garbage);
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedBatchError);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('names the message, the place and the fault', () => {
    const cases: [string, number[]][] = [
      ['not a CommandBatch: byte 2: a field of 5 bytes in 1 bytes', [0x0a, 5, 1]],
      ['not a CommandBatch: byte 4: a field of 4 bytes in 0 bytes', [0x0a, 2, 0x12, 4, 1, 2, 3, 4]],
      ['not a CommandBatch: byte 3: an integer is cut short', [0x0a, 1, 0x08]],
      ['not a CommandBatch: byte 3: a field reaches past the message that holds it', [0x0a, 1, 0x08, 5]],
      ['the id 4294967296 is above 2^32 - 1', [0x0a, 6, 0x08, 0x80, 0x80, 0x80, 0x80, 0x10]],
    ];
    for (const [message, fault] of cases) expect(() => decodeCommandBatch(Uint8Array.from(fault))).toThrow(message);
  });

  it('finds every truncation that is one', () => {
    const writer = new CommandBatchWriter();
    writer.add(300, Uint8Array.of(1, 2, 3));
    const message = writer.finish();
    for (let size = 1; size < message.length; size++) {
      expect(() => decodeCommandBatch(message.subarray(0, size))).toThrow(MalformedBatchError);
    }
  });
});
