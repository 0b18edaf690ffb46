import { describe, expect, it } from 'vitest';
import { NO_EFFECT } from '../consensus/contract.ts';
import type { EngineEntry } from '../consensus/engineEntry.ts';
import { ENGINES, loadEngines } from '../consensus/engines.ts';
import { ReceivedContent } from '../consensus/snapshotContent.ts';
import { MemoryLog } from '../consensus/testing/memoryLog.ts';
import { engine as primer } from '../consensus/testing/primer/index.ts';
import type { SettingName } from '../settings/table.ts';
import { parseServerConfig, type ServerConfig } from './flags.ts';
import { engineSettings, type ToldSettings, toldSettings } from './settings.ts';

/** What a server of this engine tells that was started with this flag. */
function told(engine: EngineEntry, ...flag: string[]): ToldSettings {
  const config = parseServerConfig(['-id=1', ...flag]) as ServerConfig;
  const running = engine.kind.create({
    id: 1,
    settings: engineSettings(config),
    random: () => 0,
    nowMs: 0,
    hardState: { term: 0, vote: 0, commit: 0 },
    log: new MemoryLog(),
    bootstrap: [1, 2, 3],
    appliedIndex: 0,
    receiveContent: (place, byteLength) => new ReceivedContent(place, byteLength),
  });
  return toldSettings(config, engine, running.effectiveSettings(), 100);
}

/** A value that is not the default, and what is told of it; undefined: what the engine makes of it. */
interface Knob {
  readonly value: string;
  readonly name: string;
  readonly told: string | number | boolean | undefined;
}

/** Every flag of rkvd: how it is told, or why that is not a setting. */
const FLAGS: Readonly<Record<SettingName, Knob | 'who and where' | 'how it starts' | 'the status has it'>> = {
  id: 'the status has it',
  servers: 'who and where',
  cluster: 'who and where',
  backend: 'the status has it',
  batch: { value: 'false', name: 'batch', told: false },
  entriespermsg: { value: '7', name: 'entriesPerMessage', told: 7 },
  catchupmultiplier: { value: '300', name: 'catchUpEntriesMax', told: undefined },
  election: { value: '2s', name: 'electionTimeoutMs', told: 2000 },
  heartbeat: { value: '50ms', name: 'heartbeatMs', told: 50 },
  checkquorum: { value: 'true', name: 'checkQuorum', told: true },
  readproof: { value: 'lease', name: 'reads', told: undefined },
  cache: { value: '1234', name: 'cacheEntries', told: 1234 },
  maxgrpc: { value: '65536', name: 'grpcMessageBytesMax', told: 65_536 },
  ordergorums: { value: 'false', name: 'orderedLinks', told: undefined },
  recover: 'how it starts',
  rejoin: 'how it starts',
  survivor: 'how it starts',
  servermetrics: 'the status has it',
  metricsport: 'the status has it',
  quiet: 'who and where',
  logfile: 'who and where',
  csv: 'who and where',
  datadir: 'who and where',
  listen: 'who and where',
  'tls-cert': 'who and where',
  'tls-key': 'who and where',
  'tls-ca': 'who and where',
  'client-ca': 'who and where',
  'tls-crl': 'who and where',
  maxvalue: { value: '2048', name: 'commandBytesMax', told: undefined },
  clientmemory: { value: '2097152', name: 'clientMemoryBytesMax', told: 2_097_152 },
  // What the server made of it is given: see admission/descriptors.test.ts.
  maxconnections: 'the status has it',
  maxunused: { value: '100', name: 'unusedConnectionsMax', told: 100 },
  idletimeout: { value: '10s', name: 'idleTimeoutMs', told: 10_000 },
  maxpending: { value: '1000', name: 'pendingCommandsMax', told: 1000 },
  diskreserve: { value: '1000', name: 'diskReserveBytes', told: 1000 },
  maxheaders: { value: '8192', name: 'headerBytesMax', told: 8192 },
  snapshotentries: { value: '5000', name: 'snapshotEveryEntries', told: 5000 },
  trailingentries: { value: '500', name: 'trailingEntries', told: 500 },
  originalentries: { value: '5000', name: 'originalEntries', told: undefined },
  faults: 'how it starts',
};
const KNOBS = Object.entries(FLAGS).flatMap(([flag, knob]) => (typeof knob === 'string' ? [] : [{ flag, ...knob }]));

const engines = Object.entries({ ...(await loadEngines(ENGINES)), primer });

describe.each(engines)('what a server of the %s engine tells of its settings', (_name, engine) => {
  it.each(KNOBS)('is what -$flag=$value makes of them, or that it has no effect', ({ flag, value, name, ...knob }) => {
    const [usual, changed] = [told(engine), told(engine, `-${flag}=${value}`)];
    const says = changed[name];
    const named = { catchupmultiplier: changed.catchUpMultiplier, readproof: changed.readProof }[flag];
    const ownName = named ?? says;
    if (typeof ownName === 'string' && ownName.startsWith(NO_EFFECT)) {
      expect(changed).toEqual(usual);
      return;
    }
    expect(says).toBeDefined();
    expect(says).not.toBe(usual[name]);
    if (knob.told !== undefined) expect(says).toBe(knob.told);
  });

  it('is in an engine’s message, too, what -maxgrpc leaves of it', () => {
    const [usual, small] = [told(engine), told(engine, '-maxgrpc=65536')];
    expect(usual.maxMessageBytes).toBe(1 << 20);
    expect(small.maxMessageBytes).toBeLessThan(65_536);
    expect(small.maxMessageBytes).toBeGreaterThan(60_000);
  });

  it('says that nothing trails snapshots that are not taken', () => {
    expect(told(engine, '-snapshotentries=0').trailingEntries).toBe(`${NO_EFFECT}no snapshots are taken`);
  });
});
