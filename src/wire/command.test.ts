import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CommandType, decodeCommand, encodeCommand, MalformedCommandError, wrapInsertRequest } from './command.ts';
import { Cmd, InsertRequest, LookupRequest } from './generated/rkv.ts';

const text = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: 'grapheme', maxLength: 40 }));
const integer = fc.oneof(fc.constantFrom(0, 127, 128, 2 ** 53 - 1), fc.nat());

const slowInsert = (clientID: number, clientSeq: number, key: string, value: string) =>
  Buffer.from(InsertRequest.encode({ clientID, clientSeq, key, value }).finish());

describe('commands', () => {
  it('are written and read as the generated code does', () => {
    fc.assert(
      fc.property(integer, integer, text, text, (clientId, clientSeq, key, value) => {
        const insert = { type: CommandType.Insert, clientId, clientSeq, key, value };
        const request = slowInsert(clientId, clientSeq, key, value);
        const encoded = Buffer.from(Cmd.encode({ cmdType: CommandType.Insert, data: request }).finish());
        expect(Buffer.from(encodeCommand(insert))).toEqual(encoded);
        expect(Buffer.from(wrapInsertRequest(request))).toEqual(encoded);
        expect(decodeCommand(encoded)).toEqual(insert);
        const lookup = { type: CommandType.Lookup, key };
        const data = Buffer.from(LookupRequest.encode({ key }).finish());
        const looked = Buffer.from(Cmd.encode({ cmdType: CommandType.Lookup, data }).finish());
        expect(Buffer.from(encodeCommand(lookup))).toEqual(looked);
        expect(decodeCommand(looked)).toEqual(lookup);
      }),
    );
  });

  it('that register are empty', () => {
    expect(encodeCommand({ type: CommandType.Register }).length).toBe(0);
    expect(decodeCommand(new Uint8Array(0))).toEqual({ type: CommandType.Register });
  });

  it('that are garbage are refused with MalformedCommandError and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (garbage) => {
        try {
          decodeCommand(garbage);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedCommandError);
        }
      }),
      { numRuns: 2000 },
    );
    expect(() => decodeCommand(Uint8Array.of(0x08, 9))).toThrow('command type 9, expected');
    expect(() => decodeCommand(Uint8Array.of(0x08, 2, 0x12, 3, 0x0a, 1, 0xff))).toThrow('not valid UTF-8');
    expect(() => decodeCommand(Uint8Array.of(0x08, 1, 0x12, 3, 0x1a, 9, 0x41))).toThrow('a field of 9 bytes');
  });
});
