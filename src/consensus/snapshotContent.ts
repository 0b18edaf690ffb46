import type { SnapshotContent } from './contract.ts';

/** Content in memory. */
export class MemoryContent implements SnapshotContent {
  /** Nobody may change them. */
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get byteLength(): number {
    return this.bytes.length;
  }

  read(offset: number, length: number): Uint8Array {
    return this.bytes.subarray(offset, offset + length);
  }
}

/** All of it at once. */
export function contentBytes(content: SnapshotContent): Uint8Array {
  return content.read(0, content.byteLength);
}
