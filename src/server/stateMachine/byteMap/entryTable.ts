const SEGMENT_BITS = 12;
const SEGMENT_ENTRIES = 1 << SEGMENT_BITS;
const SEGMENT_MASK = SEGMENT_ENTRIES - 1;

/** A number of 32 bits for each entry, of which a segment is made when one of its entries gets another than 0: it grows without being copied. */
export class EntryTable {
  private readonly segments: (Uint32Array | undefined)[] = [];

  /** Bytes of its arrays. */
  get byteLength(): number {
    let made = 0;
    for (const segment of this.segments) if (segment !== undefined) made++;
    return made * SEGMENT_ENTRIES * 4;
  }

  get(entry: number): number {
    const segment = this.segments[entry >>> SEGMENT_BITS];
    return segment === undefined ? 0 : segment[entry & SEGMENT_MASK]!;
  }

  set(entry: number, value: number): void {
    const at = entry >>> SEGMENT_BITS;
    while (this.segments.length <= at) this.segments.push(undefined);
    let segment = this.segments[at];
    if (segment === undefined) {
      segment = new Uint32Array(SEGMENT_ENTRIES);
      this.segments[at] = segment;
    }
    segment[entry & SEGMENT_MASK] = value;
  }
}
