import { type EffectiveSettings, type EngineSettings, NO_EFFECT } from '../consensus/contract.ts';
import type { EngineEntry } from '../consensus/engineEntry.ts';
import { engineSettingsOf } from '../settings/engineSettings.ts';
import { commandBytesMax, MESSAGE_OVERHEAD_BYTES } from '../wire/limits.ts';
import type { ServerConfig } from './flags.ts';

/** Entries in one message take at most this, however large `-maxgrpc` is: larger ones gain nothing and delay what follows. */
const ENTRIES_BYTES_MAX = 1024 * 1024;
/** Commands on their way through the log may take this part of `-clientmemory`; the rest is for requests and answers. */
const QUEUED_SHARE = 1 / 2;

/** The flags in an engine's terms. */
export function engineSettings({ flags }: ServerConfig): EngineSettings {
  return engineSettingsOf(flags, Math.max(1, Math.min(ENTRIES_BYTES_MAX, flags.maxgrpc - MESSAGE_OVERHEAD_BYTES)));
}

/** Bytes of commands that may be unanswered. */
export function queuedBytesMax({ flags }: ServerConfig): number {
  return flags.clientmemory * QUEUED_SHARE;
}

export function largestCommandBytes(config: ServerConfig): number {
  const { maxvalue, maxgrpc } = config.flags;
  return commandBytesMax({
    valueBytesMax: maxvalue,
    messageBytesMax: maxgrpc,
    queuedBytesMax: queuedBytesMax(config),
  });
}

export type ToldSettings = Readonly<Record<string, string | number | boolean>>;

/**
 * What a server goes by, for its status: what its engine says, and beside that what the server itself makes of its flags. A flag that
 * changes nothing there says so. `connectionsMax`: how many connections it has room for.
 */
export function toldSettings(
  config: ServerConfig,
  { unaryCalls }: EngineEntry,
  effective: EffectiveSettings,
  connectionsMax: number,
): ToldSettings {
  const { flags } = config;
  return {
    ...effective,
    reads: reads(effective, unaryCalls !== undefined, flags),
    orderedLinks: unaryCalls === undefined ? `${NO_EFFECT}this engine has no unary calls` : flags.ordergorums,
    cacheEntries: flags.cache,
    snapshotEveryEntries: flags.snapshotentries,
    trailingEntries: flags.snapshotentries === 0 ? `${NO_EFFECT}no snapshots are taken` : flags.trailingentries,
    originalEntries: originalEntries(unaryCalls !== undefined, flags),
    grpcMessageBytesMax: flags.maxgrpc,
    commandBytesMax: largestCommandBytes(config),
    clientMemoryBytesMax: flags.clientmemory,
    connectionsMax,
    unusedConnectionsMax: flags.maxunused,
    idleTimeoutMs: flags.idletimeout,
    pendingCommandsMax: flags.maxpending,
    headerBytesMax: flags.maxheaders,
    diskReserveBytes: flags.diskreserve,
  };
}

function reads(
  effective: EffectiveSettings,
  hasUnaryCalls: boolean,
  { readproof, ordergorums }: ServerConfig['flags'],
) {
  const isLost = readproof === 'lease' && hasUnaryCalls && !ordergorums;
  return isLost ? `${NO_EFFECT}unary calls carry no promise, so no lease holds` : effective.reads;
}

function originalEntries(hasOriginals: boolean, { snapshotentries, originalentries }: ServerConfig['flags']) {
  if (!hasOriginals) return `${NO_EFFECT}the original's servers have another engine`;
  return snapshotentries === 0 ? `${NO_EFFECT}no snapshots are taken` : originalentries;
}
