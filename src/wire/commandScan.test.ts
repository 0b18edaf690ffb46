import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Command, CommandType, decodeCommand, encodeCommand } from './command.ts';
import { scanCommand, sessionOf } from './commandScan.ts';

/** What scanCommand is to find, from the decoder that makes strings. */
function decoded(bytes: Uint8Array) {
  let command: Command;
  try {
    command = decodeCommand(bytes);
  } catch {
    return undefined;
  }
  const { type, clientId, clientSeq, key, value } = { clientId: 0, clientSeq: 0, key: '', value: '', ...command };
  return { type, clientId, clientSeq, key, value };
}

function scanned(bytes: Uint8Array) {
  const found = scanCommand(bytes);
  if (found === undefined) return undefined;
  const { type, clientId, clientSeq, keyStart, keyEnd, valueStart, valueEnd } = found;
  const text = (start: number, end: number) => Buffer.from(bytes.subarray(start, end)).toString('utf8');
  return { type, clientId, clientSeq, key: text(keyStart, keyEnd), value: text(valueStart, valueEnd) };
}

const insert = fc.record({
  type: fc.constant(CommandType.Insert),
  clientId: fc.maxSafeNat(),
  clientSeq: fc.maxSafeNat(),
  key: fc.string({ unit: 'binary' }),
  value: fc.string({ unit: 'binary', maxLength: 60 }),
});
const lookup = fc.record({ type: fc.constant(CommandType.Lookup), key: fc.string({ unit: 'binary' }) });

describe('scanCommand', () => {
  it('finds in a command what the decoder finds', () => {
    fc.assert(
      fc.property(fc.oneof(insert, lookup), (command) => {
        const bytes = encodeCommand(command as Command);
        expect(scanned(bytes)).toEqual(decoded(bytes));
      }),
    );
  });

  it('agrees with the decoder on what is no command', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 });
    const damaged = fc.tuple(fc.oneof(insert, lookup), damage, fc.nat()).map(([command, changes, cut]) => {
      const bytes = encodeCommand(command as Command).slice();
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
      return bytes.slice(0, bytes.length - (cut % 3));
    });
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 40 })), (bytes) => {
        expect(scanned(bytes)).toEqual(decoded(bytes));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('sessionOf', () => {
  it('finds the session of an insert, and that others have none', () => {
    fc.assert(
      fc.property(fc.oneof(insert, lookup), (command) => {
        expect(sessionOf(encodeCommand(command as Command))).toBe('clientId' in command ? command.clientId : 0);
      }),
    );
  });

  it('does not throw at what is no command', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => sessionOf(bytes) >= 0));
  });
});
