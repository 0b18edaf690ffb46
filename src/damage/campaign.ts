import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { seededRandom } from '../client/load/random.ts';
import { judgeCluster } from './clusterJudge.ts';
import { DAMAGES, type DamageKind } from './damages.ts';
import { type Prepared, SERVERS, serverData } from './prepare.ts';
import { StoreOpener } from './storeJudge.ts';
import type { StoreContent } from './storeWorker.ts';
import type { Verdict } from './verdict.ts';

export interface SeedReport extends Verdict {
  readonly seed: number;
  readonly engine: string;
  readonly kind: string;
}

/** Kind by kind, so that a thousand seeds have each about equally often. */
function kindOf(seed: number): DamageKind {
  return DAMAGES[seed % DAMAGES.length]!;
}

/** One engine's prepared data, damaged in another way with every seed. */
export class Campaign {
  private readonly prepared: Prepared;
  private readonly scratch: string;
  private readonly opener = new StoreOpener();
  /** What the undamaged data of each server hold. */
  private readonly truth = new Map<number, StoreContent>();

  /** `scratch` is a folder of its own below the prepared one. */
  constructor(prepared: Prepared, scratch = 'scratch') {
    this.prepared = prepared;
    this.scratch = join(prepared.folder, scratch);
  }

  /** `prefersCluster`: started as servers, with clients, not only opened. */
  async run(seed: number, prefersCluster: boolean, kind = kindOf(seed)): Promise<SeedReport> {
    const withCluster = prefersCluster || kind.needsServer === true;
    const { engine, folder, laggingServer } = this.prepared;
    const random = seededRandom(seed);
    const damagable = SERVERS.filter((id) => id !== laggingServer);
    const id = damagable[Math.floor(random() * damagable.length)]!;
    const others = SERVERS.filter((each) => each !== id);
    const truth = withCluster ? undefined : await this.truthOf(id);
    await this.fill(withCluster ? SERVERS : [id]);
    const isDone = await kind.apply({
      data: serverData(this.scratch, id),
      older: serverData(join(folder, 'older'), id),
      other: serverData(join(folder, 'final'), others[Math.floor(random() * others.length)]!),
      random,
    });
    const report = (verdict: Verdict): SeedReport => ({ seed, engine, kind: kind.name, ...verdict });
    if (!isDone) return report({ outcome: 'nothing to damage', what: '' });
    if (truth === undefined) return report(await judgeCluster(this.prepared, this.scratch, id));
    return report(await this.judgeStore(id, truth));
  }

  /** Lays out the undamaged data of these servers. */
  private async fill(ids: readonly number[]): Promise<void> {
    await rm(this.scratch, { recursive: true, force: true });
    await mkdir(this.scratch);
    for (const id of ids) {
      const from = serverData(join(this.prepared.folder, 'final'), id);
      const to = serverData(this.scratch, id);
      await cp(from.folder, to.folder, { recursive: true });
      await cp(from.promised, to.promised);
    }
  }

  private async judgeStore(id: number, truth: StoreContent): Promise<Verdict> {
    const { opening, death } = await this.opener.open(serverData(this.scratch, id).folder);
    if (opening === undefined) return { outcome: 'failure', what: `the process ended: ${death}` };
    if ('refused' in opening) {
      const { refused, isNamed, message } = opening;
      return isNamed ? { outcome: 'refused', what: refused } : { outcome: 'failure', what: `${refused}: ${message}` };
    }
    const { content } = opening;
    if (JSON.stringify(content) === JSON.stringify(truth)) return { outcome: 'whole', what: '' };
    return {
      outcome: 'failure',
      what: `it starts with ${JSON.stringify(content)}, where ${JSON.stringify(truth)} was promised`,
    };
  }

  private async truthOf(id: number): Promise<StoreContent> {
    const known = this.truth.get(id);
    if (known !== undefined) return known;
    await this.fill([id]);
    const { opening, death } = await this.opener.open(serverData(this.scratch, id).folder);
    if (opening === undefined || 'refused' in opening) {
      throw new Error(`undamaged data cannot be opened: ${opening?.message ?? death}`);
    }
    this.truth.set(id, opening.content);
    return opening.content;
  }

  close(): void {
    this.opener.close();
  }
}
