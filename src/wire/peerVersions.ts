/**
 * The versions of the peers' protocol (docs/peers.md): which ones this program speaks, and what depends on the one that a link has.
 *
 * | version | since it |
 * |---|---|
 * | 4 | links of our own frames |
 * | 5 | another rule for which numbers a session has given up |
 * | 6 | snapshots go in chunks with every engine |
 * | 7 | ends of a link tell each other a range of versions; pings have names |
 * | 8 | entries of the type BoundSessions may stand in the log, and snapshots say that one did; messages of gorums and hashicorp may say what is promised for leases |
 */

/** All versions from `oldest` to `newest`, 1 to VERSION_MAX. */
export interface VersionRange {
  readonly oldest: number;
  readonly newest: number;
}

/**
 * What this program speaks. `oldest` goes up with a version in which a state machine comes to another state from the same log, or an engine's
 * message has another meaning, unless that is not used before the whole cluster has the version: nothing of these may depend on a link
 * (docs/peers.md).
 */
export const PEER_VERSIONS: VersionRange = { oldest: 6, newest: 8 };

/**
 * Of the frames with which every link begins, in all versions that are to come: a hello, and the welcome or the refusal that answers it.
 * So each version can read what another one wants, and say why not. Those that speak 6 alone read no other frames.
 */
export const OPENING_VERSION = 6;

/** A frame has a byte for it. */
const VERSION_MAX = 255;

/** What links do that not all versions do, and the first that does it. Nothing else depends on a link's version. */
const SINCE = {
  /** A ping has a number, which its pong repeats; the first goes out as soon as the link is taken up. */
  namedPings: 7,
} as const;

export type LinkFeature = keyof typeof SINCE;

/** Whether links of this version do so. */
export function does(version: number, feature: LinkFeature): boolean {
  return version >= SINCE[feature];
}

/** What is written once the version of the cluster has it, and the first that does (docs/peers.md). */
const IN_CLUSTER_SINCE = {
  /** Entries of the type BoundSessions, and snapshots of the states behind them. */
  boundSessions: 8,
  /** What messages of gorums and hashicorp say of promises for leases (consensus/parts/leaderPromise.ts). */
  promises: 8,
} as const;

export type ClusterFeature = keyof typeof IN_CLUSTER_SINCE;

/** Whether every server of a cluster of this version reads it; undefined is none. */
export function allRead(version: number | undefined, feature: ClusterFeature): boolean {
  return version !== undefined && version >= IN_CLUSTER_SINCE[feature];
}

/** What a server has to speak that is to read this, of a cluster of one that speaks a range. */
export function readersOf({ oldest, newest }: VersionRange, feature: ClusterFeature): VersionRange {
  return { oldest: Math.max(oldest, IN_CLUSTER_SINCE[feature]), newest };
}

/** As a hello, a welcome and a request for admission tell a range: `newest` is 0 in versions that speak one alone. */
export interface ToldVersions {
  readonly version: number;
  readonly newest: number;
}

export function toldVersions({ oldest, newest }: VersionRange): ToldVersions {
  return { version: oldest, newest: newest === oldest ? 0 : newest };
}

/** Undefined for what is no range. */
export function rangeOf({ version, newest }: ToldVersions): VersionRange | undefined {
  const last = newest === 0 ? version : newest;
  return version >= 1 && last >= version && last <= VERSION_MAX ? { oldest: version, newest: last } : undefined;
}

/** The version of a link between two servers: the newest that both speak; undefined where there is none. Both ends reckon it, and come to the same. */
export function agreedVersion(own: VersionRange, told: ToldVersions): number | undefined {
  const other = rangeOf(told);
  return other === undefined ? undefined : clusterVersion(own, [other]);
}

/** Why there is none, between server `self`, which speaks `own`, and server `peer`; for people. */
export function explainVersions(self: number, own: VersionRange, peer: number, told: ToldVersions): string {
  const other = rangeOf(told);
  const what = other === undefined ? `${told.version} to ${told.newest}, which is no range` : describeRange(other);
  return `server ${peer} speaks peer protocol ${what}; server ${self} speaks ${describeRange(own)}`;
}

/** The reason for it, for programs. */
export const OTHER_VERSION = 'other-version';

/**
 * The newest version that a whole cluster speaks, as far as one of its servers can tell: `own` is what that one speaks, `others` what each other
 * member has said at its own address, undefined where it has said nothing yet: it may speak the oldest alone. Undefined where there is
 * none that all speak.
 */
export function clusterVersion(own: VersionRange, others: Iterable<VersionRange | undefined>): number | undefined {
  let { oldest, newest } = own;
  for (const other of others) {
    oldest = Math.max(oldest, other?.oldest ?? own.oldest);
    newest = Math.min(newest, other?.newest ?? own.oldest);
  }
  return newest >= oldest ? newest : undefined;
}

/** For people. */
export function describeRange({ oldest, newest }: VersionRange): string {
  return oldest === newest ? String(oldest) : `${oldest} to ${newest}`;
}
