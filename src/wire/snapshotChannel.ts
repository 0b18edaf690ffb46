/**
 * On which a server says what it does with snapshots, to whoever listens in its own process (node:diagnostics_channel): a measurement that
 * was loaded before it. Where nobody listens nothing is said.
 */
export const SNAPSHOT_CHANNEL = 'rkv:snapshot';

/** `begun`: its state is being read for one; `stored`: that one is on its disk. `installing`, `installed`: so with one that it got from others. */
export interface SnapshotNews {
  readonly what: 'begun' | 'stored' | 'installing' | 'installed';
  /** The last entry in it. */
  readonly index: number;
}
