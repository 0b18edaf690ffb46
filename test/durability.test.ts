import { expect, it } from 'vitest';
import { FaultedDisks } from '../src/chaos/durability/fullDisks.ts';
import { type Blow, drawDurability } from '../src/chaos/durability/plan.ts';
import { runDurability } from '../src/chaos/durability/round.ts';
import { describeDurability } from '../src/chaos/durability/table.ts';
import { enginesOfHost } from './setup/engines.ts';

const BLOWS: readonly Blow[] = [
  { kind: 'kill', victim: 'leader', afterMs: 300, lastsMs: 200, freeBytes: 0 },
  { kind: 'fill', victim: 2, afterMs: 300, lastsMs: 100, freeBytes: 0 },
];

it.each(enginesOfHost('etcd'))(
  '%s: what was acknowledged while a leader was killed and a disk was full is on every server, and the states agree',
  async (engine) => {
    const told: string[] = [];
    const report = await runDurability(
      engine,
      { ...drawDurability(1, true), blows: BLOWS },
      { tls: true, disks: new FaultedDisks(), tell: (line) => told.push(line), stop: new AbortController().signal },
    );
    expect(report?.violation, told.join('\n')).toBeUndefined();
    const { struck, acknowledged, everywhere, ok } = report!;
    expect(struck).toEqual({ kills: 1, killsOfLeader: 1, killsOfAll: 0, fills: 1, endedFull: 1 });
    expect(acknowledged).toBeGreaterThan(0);
    expect(everywhere).toBe(acknowledged);
    expect(ok).toBeGreaterThan(0);
    expect(describeDurability([report!])).toBe(
      `1 round, 1 kills, 1 full disks, ${acknowledged} acknowledged writes, of which ${acknowledged} are on every server, 0 failures`,
    );
  },
  120_000,
);
