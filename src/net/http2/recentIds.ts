const COUNT = 64;

/** The last few streams that something became of: what is said of them by one who does not know yet is no error. */
export class RecentIds {
  private ids: Uint32Array | undefined;
  private next = 0;

  add(id: number): void {
    this.ids ??= new Uint32Array(COUNT);
    this.ids[this.next++ % COUNT] = id;
  }

  has(id: number): boolean {
    return this.ids?.includes(id) ?? false;
  }
}
