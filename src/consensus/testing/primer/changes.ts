import { ByteReader, MalformedBytesError } from '../../../bytes/byteReader.ts';
import { VARINT_BYTES_MAX, writeVarint } from '../../../bytes/varint.ts';
import { ChangeType, type Configuration, type MembershipChange } from '../../contract.ts';
import type { Entry } from '../../entry.ts';
import { configurationAfter } from '../../membership/changes.ts';

/** The data of a membership entry: what is done, and to whom. */
const TYPES = [ChangeType.AddVoter, ChangeType.Remove] as const;

export function encodeChange({ type, id }: MembershipChange): Uint8Array {
  const bytes = new Uint8Array(1 + VARINT_BYTES_MAX);
  bytes[0] = type === ChangeType.Remove ? 1 : 0;
  return bytes.subarray(0, writeVarint(bytes, 1, id));
}

function readChange(data: Uint8Array): MembershipChange | undefined {
  const type = TYPES[data[0] ?? TYPES.length];
  if (type === undefined) return undefined;
  try {
    const reader = new ByteReader(data, 1);
    const id = reader.varint();
    return reader.pos === reader.end && id > 0 ? { type, id } : undefined;
  } catch (error) {
    if (error instanceof MalformedBytesError) return undefined;
    throw error;
  }
}

export function changeFault(data: Uint8Array): string | undefined {
  return readChange(data) === undefined ? `${data.length} bytes that are not a membership change` : undefined;
}

/** What makes no sense, or cannot be read, changes nothing, on every server alike. */
export function applyChange(before: Configuration, entry: Entry): Configuration {
  const change = readChange(entry.data);
  return (change === undefined ? undefined : configurationAfter(before, change)) ?? before;
}
