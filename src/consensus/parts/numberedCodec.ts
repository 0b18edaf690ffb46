import { ByteReader, MalformedBytesError } from '../../bytes/byteReader.ts';
import { startOf, VARINT_BYTES_MAX, varintsSize, writeVarint, writeVarints } from '../../bytes/varint.ts';
import { type Configuration, MalformedMessageError, type MessageCodec } from '../contract.ts';
import type { Entry } from '../entry.ts';
import { decodeEntries, LARGE_PART_BYTES, largeRecords, recordsSize, writeEntries } from '../entryCodec.ts';

type FieldOf<M, Value> = { [K in keyof M]: M[K] extends Value ? K : never }[keyof M] & string;
type FieldName = string | readonly string[];

/** A number in a message; or flags that are the bits of one, the first the lowest. */
export type Field<M> = FieldOf<M, number> | readonly FieldOf<M, boolean>[];

/** One that a message need not have. */
type OptionalOf<M, Value> = { [K in keyof M]-?: Exclude<M[K], undefined> extends Value ? K : never }[keyof M] & string;
export type OptionalField<M> = OptionalOf<M, number> | readonly OptionalOf<M, boolean>[];

/** What is long in a message. It runs to the end, is copied once when it is written and not at all when it is read. */
export interface Rest<M> {
  sizeOf(message: M): number;
  write(message: M, into: Uint8Array, at: number): void;
  /** As MessageCodec's encodeLarge. */
  large(message: M): readonly Uint8Array[] | undefined;
  read(reader: ByteReader): Partial<M>;
}

export interface Layout<M> {
  /** In the order in which they stand on the wire. */
  readonly fields: readonly Field<M>[];
  /** After these, in messages that have no rest: left out where all of them are 0, as earlier versions write and read it. */
  readonly optional?: readonly OptionalField<M>[];
  readonly rest?: Rest<M>;
}

/** By type, in the order of the kinds that stand for them on the wire. */
export type Layouts<M extends { readonly type: string }> = {
  readonly [T in M['type']]: Layout<Extract<M, { readonly type: T }>>;
};

/** Entries, as the records that the log is made of. */
export const ENTRIES: Rest<{ readonly entries: readonly Entry[] }> = {
  sizeOf: ({ entries }) => recordsSize(entries),
  write: ({ entries }, into, at) => writeEntries(entries, into, at),
  large: ({ entries }) => largeRecords(entries),
  read: ({ bytes, pos, end }) => ({ entries: decodeEntries(bytes, pos, end) }),
};

/** A snapshot's data after its configuration, which each engine writes in its own way. */
export function snapshotRest(
  numbersOf: (configuration: Configuration) => number[],
  readConfiguration: (reader: ByteReader) => Configuration,
): Rest<{ readonly configuration: Configuration; readonly data: Uint8Array }> {
  return {
    sizeOf: ({ configuration, data }) => varintsSize(numbersOf(configuration)) + data.length,
    write: ({ configuration, data }, into, at) => into.set(data, writeVarints(into, at, numbersOf(configuration))),
    large: ({ configuration, data }) => {
      if (data.length < LARGE_PART_BYTES) return undefined;
      const numbers = numbersOf(configuration);
      const head = new Uint8Array(varintsSize(numbers));
      writeVarints(head, 0, numbers);
      return [head, data];
    },
    read: (reader) => {
      const configuration = readConfiguration(reader);
      return { configuration, data: reader.bytes.subarray(reader.pos, reader.end) };
    },
  };
}

const NONE: readonly [] = [];

/** The number of a field, 0 where it is not there. */
export function numberOf(message: object, field: FieldName): number {
  const values = message as Readonly<Record<string, number | boolean>>;
  if (typeof field === 'string') return (values[field] as number | undefined) ?? 0;
  let bits = 0;
  for (let place = 0; place < field.length; place++) if (values[field[place]!] === true) bits += 1 << place;
  return bits;
}

/** The other way round. Throws MalformedMessageError on flags that are not known. */
export function putNumber(message: object, field: FieldName, number: number): void {
  const values = message as Record<string, number | boolean>;
  if (typeof field === 'string') {
    values[field] = number;
    return;
  }
  const limit = 1 << field.length;
  if (number >= limit) throw new MalformedMessageError(`flags ${number}, expected less than ${limit}`);
  for (let place = 0; place < field.length; place++) values[field[place]!] = (number & (1 << place)) !== 0;
}

/** What `read` throws on malformed bytes becomes a MalformedMessageError about what `describe` says. */
export function messageIn<T>(bytes: Uint8Array, describe: () => string, read: (reader: ByteReader) => T): T {
  try {
    return read(new ByteReader(bytes));
  } catch (cause) {
    if (!(cause instanceof MalformedBytesError)) throw cause;
    throw new MalformedMessageError(`${describe()}: ${cause.message}`, { cause });
  }
}

/** Of messages that are numbers, and at most one long part after them: version, kind, the numbers as varints, the rest. */
export function numberedCodec<M extends { readonly type: string }>(
  { engine, version, firstKind }: { readonly engine: string; readonly version: number; readonly firstKind: number },
  layouts: Layouts<M>,
  mayOvertake: MessageCodec<M>['mayOvertake'],
): MessageCodec<M> {
  const known: readonly (readonly [string, Layout<Record<string, unknown>>])[] = Object.entries(layouts);
  const kinds = new Map(known.map(([type], place) => [type, firstKind + place]));
  const numbersMax = Math.max(...known.map(([, { fields, optional = NONE }]) => fields.length + optional.length));
  const scratch = new Uint8Array((2 + numbersMax) * VARINT_BYTES_MAX);

  const restOf = ({ type }: M) => known[kinds.get(type)! - firstKind]![1].rest;

  /** Writes the numbers to `scratch`, and returns where they end. */
  const writeNumbers = (message: M): number => {
    const kind = kinds.get(message.type)!;
    let at = writeVarint(scratch, writeVarint(scratch, 0, version), kind);
    const { fields, optional = NONE } = known[kind - firstKind]![1];
    for (const field of fields) at = writeVarint(scratch, at, numberOf(message, field));
    if (!optional.some((field) => numberOf(message, field) !== 0)) return at;
    for (const field of optional) at = writeVarint(scratch, at, numberOf(message, field));
    return at;
  };

  const encode = (message: M): Uint8Array => {
    const rest = restOf(message);
    const at = writeNumbers(message);
    const bytes = startOf(scratch, at, rest?.sizeOf(message) ?? 0);
    rest?.write(message, bytes, at);
    return bytes;
  };

  const encodeLarge = (message: M): readonly Uint8Array[] | undefined => {
    const pieces = restOf(message)?.large(message);
    return pieces === undefined ? undefined : [startOf(scratch, writeNumbers(message), 0), ...pieces];
  };

  const read = (reader: ByteReader): M => {
    const found = reader.varint();
    if (found !== version) {
      throw new MalformedMessageError(`${engine} message of version ${found}, expected ${version}`);
    }
    const kind = reader.varint();
    const layout = known[kind - firstKind];
    if (layout === undefined) {
      const last = firstKind + known.length - 1;
      throw new MalformedMessageError(`${engine} message of kind ${kind}, expected ${firstKind} to ${last}`);
    }
    const [type, { fields, optional = NONE, rest }] = layout;
    const message = { type };
    for (const field of fields) putNumber(message, field, reader.varint());
    if (rest !== undefined) return Object.assign(message, rest.read(reader)) as unknown as M;
    if (reader.pos < reader.end) for (const field of optional) putNumber(message, field, reader.varint());
    if (reader.pos !== reader.end) throw new MalformedMessageError(`${reader.end - reader.pos} bytes after a ${type}`);
    return message as unknown as M;
  };

  return {
    encode,
    encodeLarge,
    /** What is long in it is a view of `bytes`. */
    decode: (bytes) => messageIn(bytes, () => `${engine} message of ${bytes.length} bytes`, read),
    mayOvertake,
  };
}
