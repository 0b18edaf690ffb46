import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Campaign } from '../src/damage/campaign.ts';
import { DAMAGES, type DamageKind } from '../src/damage/damages.ts';
import { PreparationError, prepare } from '../src/damage/prepare.ts';

/** What runs is built. */
const MAIN = fileURLToPath(new URL('../dist/damage/main.js', import.meta.url));

const TIMEOUT_MS = 240_000;
const FIRST_SEED = 1000;

/** `npm run damage` in small: each kind of damage to a store once, on real data, and some with servers and clients. */
describe("a server's damaged data", () => {
  let folder: string;
  let campaign: Campaign;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rkv-damage-'));
    campaign = new Campaign(await prepare('gorums', folder, true));
  }, TIMEOUT_MS);

  afterAll(async () => {
    campaign?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it(
    'are refused by name, or hold all that was promised, whatever the damage',
    async () => {
      const outcomes: string[] = [];
      for (const [position, kind] of DAMAGES.filter(({ needsServer }) => needsServer !== true).entries()) {
        const { outcome, seed, what } = await campaign.run(FIRST_SEED + position, false, kind);
        expect(outcome, `${kind.name}, seed ${seed}: ${what}`).not.toBe('failure');
        outcomes.push(outcome);
      }
      expect(outcomes).not.toContain('nothing to damage');
      expect(outcomes.filter((outcome) => outcome === 'refused').length).toBeGreaterThan(outcomes.length / 2);
      expect(outcomes).toContain('whole');
    },
    TIMEOUT_MS,
  );

  it(
    'end the server in one line while the others serve, or do not keep it from serving',
    async () => {
      const named = (name: string) => DAMAGES.find((kind) => kind.name === name)!;
      expect(await campaign.run(1, true, named('cut: log'))).toMatchObject({
        outcome: 'refused, others served',
        what: 'LostWritesError',
      });
      expect(await campaign.run(2, true, named('cut: promise file'))).not.toMatchObject({ outcome: 'failure' });
    },
    TIMEOUT_MS,
  );

  it(
    'were gone on from without a word where they were older than the identity, or gone, with less than was acknowledged',
    async () => {
      for (const name of ['older everything but the identity', 'everything but the identity deleted']) {
        expect(
          await campaign.run(
            3,
            true,
            DAMAGES.find((kind) => kind.name === name),
          ),
        ).toMatchObject({
          outcome: 'refused, others served',
          what: 'OtherStartError',
        });
      }
    },
    TIMEOUT_MS,
  );

  it(
    'cannot be prepared where a server ends: said in one line, where it was a stack trace after two minutes',
    async () => {
      const elsewhere = await mkdtemp(join(tmpdir(), 'rkv-damage-'));
      try {
        await expect(prepare('nonsense', elsewhere)).rejects.toThrow(PreparationError);
        await expect(prepare('nonsense', elsewhere)).rejects.toThrow(/^server \d ended with exit code 1: .*"nonsense"/);
      } finally {
        await rm(elsewhere, { recursive: true, force: true });
      }
    },
    TIMEOUT_MS,
  );

  it.skipIf(!existsSync(`/proc/${process.pid}/task/${process.pid}/children`))(
    'leave no server behind where the command alone is interrupted',
    async () => {
      const command = spawn(process.execPath, [MAIN, '--engine', 'etcd', '--seeds', '1'], { stdio: 'ignore' });
      const ended = once(command, 'exit');
      const children = () => {
        const { pid } = command;
        return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
      };
      await expect.poll(() => children().length, { timeout: 30_000 }).toBeGreaterThanOrEqual(3);
      const servers = children();
      command.kill('SIGINT');
      expect(await ended).toEqual([130, null]);
      expect(servers.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'are judged: what no server can notice by itself is called a failure',
    async () => {
      const bothOlder: DamageKind = {
        name: 'older folder with its promise file',
        apply: async ({ data, older }) => {
          await rm(data.folder, { recursive: true });
          await cp(older.folder, data.folder, { recursive: true });
          await cp(older.promised, data.promised);
          return true;
        },
      };
      const { outcome, what } = await campaign.run(1, false, bothOlder);
      expect(outcome).toBe('failure');
      expect(what).toMatch(/^it starts with .* where .* was promised$/);
    },
    TIMEOUT_MS,
  );
});
