import { describe, expect, it } from 'vitest';
import { encodeInsert } from './command.ts';
import {
  BATCH_BYTES_MAX,
  BATCH_OVERHEAD_BYTES,
  commandBytesMax,
  GRPC_MESSAGE_BYTES_DEFAULT,
  MESSAGE_OVERHEAD_BYTES,
  UNTOLD_COMMAND_BYTES_MAX,
  VALUE_BYTES_DEFAULT,
} from './limits.ts';
import { CommandBatchWriter } from './sessionCodec.ts';

const MIB = 1024 * 1024;
const BOUNDS = { valueBytesMax: VALUE_BYTES_DEFAULT, messageBytesMax: 128 * MIB, queuedBytesMax: 128 * MIB };

describe('the largest command', () => {
  it('is bound by whatever binds first', () => {
    expect(commandBytesMax(BOUNDS)).toBe(8 * MIB + 4096);
    expect(commandBytesMax({ ...BOUNDS, valueBytesMax: 1000 * MIB })).toBe(64 * MIB - 512);
    expect(commandBytesMax({ ...BOUNDS, queuedBytesMax: MIB })).toBe(MIB);
  });

  it('holds a key and a value of the largest size, and was counted without what stands around them', () => {
    const value = Buffer.alloc(VALUE_BYTES_DEFAULT - 3, 'v');
    const insert = encodeInsert(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, Buffer.from('key'), value);
    expect(insert.length).toBeGreaterThan(VALUE_BYTES_DEFAULT);
    expect(insert.length).toBeLessThanOrEqual(commandBytesMax(BOUNDS));
  });

  it('is none that could not be sent to a server that does not tell', () => {
    expect(UNTOLD_COMMAND_BYTES_MAX).toBeLessThan(GRPC_MESSAGE_BYTES_DEFAULT);
    expect(commandBytesMax(BOUNDS)).toBeLessThan(UNTOLD_COMMAND_BYTES_MAX);
  });
});

it('a batch of a client fits into what a server takes beside its largest command, also where each command is tiny', () => {
  const writer = new CommandBatchWriter();
  for (let id = 2 ** 31; writer.byteLength < BATCH_BYTES_MAX; id++) writer.add(id, Uint8Array.of(1));
  const largest = new Uint8Array(commandBytesMax(BOUNDS));
  writer.add(1, largest);
  expect(writer.finish().length - largest.length).toBeLessThan(BATCH_OVERHEAD_BYTES);
  expect(MESSAGE_OVERHEAD_BYTES).toBeLessThan(BATCH_OVERHEAD_BYTES);
});
