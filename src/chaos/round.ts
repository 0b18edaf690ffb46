import { HistoryRecorder } from '../checker/history.ts';
import type { KeyValueInput, KeyValueOutput } from '../checker/models/keyValue.ts';
import { systemEnvironment } from '../client/environment.ts';
import { grpcTransport } from '../client/grpcTransport.ts';
import { RkvClient } from '../client/rkvClient.ts';
import type { Transport } from '../client/transport.ts';
import type { EngineName } from '../consensus/engines.ts';
import { Random } from '../simulator/random.ts';
import { ClusterError } from '../supervisor/cluster.ts';
import { type RunningCluster, startCluster } from '../supervisor/launcher.ts';
import { BankError, Teller } from './bank.ts';
import { Ends } from './ends.ts';
import { historyViolation, wordsOf } from './judgement.ts';
import { LivenessError, within } from './liveness.ts';
import { Mesh } from './mesh.ts';
import type { ChaosPlan } from './plan.ts';
import { Registers } from './registers.ts';
import { Strikes } from './strikes.ts';

/** What one round came to. */
export interface RoundReport {
  readonly engine: EngineName;
  readonly seed: number;
  readonly ok: number;
  readonly failed: number;
  readonly unknown: number;
  /** Between accounts whose sum was constant. */
  readonly transfers: number;
  /** The last leader's. */
  readonly term: number;
  readonly strikes: ReadonlyMap<string, number>;
  /** What must not be, and was; undefined where all is well. */
  readonly violation: string | undefined;
}

export interface RoundOptions {
  /** Servers and clients prove to each other who they are. */
  readonly tls?: boolean;
  /** Told what happens, line by line. */
  readonly tell: (line: string) => void;
  /** For tests: makes a client's way to the servers lie. */
  readonly tamper?: (transport: Transport) => Transport;
}

/** The faults are over: how long until there is a leader, and until a client is served. A machine may have other work. */
const HEALING_MS = 30_000;
const TELLERS = 2;
/** As impatient as a client may be: faults here are short. */
const STALL_TIMEOUT_MS = 1000;

/** Runs one plan on real servers, and judges what clients saw. */
export async function runRound(engine: EngineName, plan: ChaosPlan, options: RoundOptions): Promise<RoundReport> {
  const mesh = await Mesh.open(plan.servers, plan.clients);
  try {
    return await new Round(engine, plan, mesh, options).run();
  } finally {
    mesh.close();
  }
}

class Round {
  private readonly engine: EngineName;
  private readonly plan: ChaosPlan;
  private readonly mesh: Mesh;
  private readonly options: RoundOptions;
  private readonly history = new HistoryRecorder<KeyValueInput, KeyValueOutput>();
  private readonly faultsEnd = new AbortController();
  private readonly clients: RkvClient[] = [];
  private registers: Registers[] = [];
  private tellers: Teller[] = [];
  private strikes: Strikes | undefined;
  private term = 0;
  private readonly ends = new Ends();

  constructor(engine: EngineName, plan: ChaosPlan, mesh: Mesh, options: RoundOptions) {
    this.engine = engine;
    this.plan = plan;
    this.mesh = mesh;
    this.options = options;
  }

  async run(): Promise<RoundReport> {
    const { plan, mesh, engine } = this;
    const cluster = await startCluster(
      {
        backend: engine,
        nodes: plan.servers,
        cluster: [...plan.members],
        election: `${plan.electionMs}ms`,
        heartbeat: `${plan.heartbeatMs}ms`,
        metrics: false,
        tls: this.options.tls ?? false,
        restart: { enabled: false },
      },
      { name: 'chaos', wire: (planned) => mesh.wire(planned), onEvent: (event) => this.ends.note(event) },
    );
    try {
      return this.report(await this.attack(cluster));
    } finally {
      for (const client of this.clients) client.close();
      await cluster.stopNow();
    }
  }

  /** Returns what was wrong. */
  private async attack(cluster: RunningCluster): Promise<string | undefined> {
    const { plan } = this;
    const operator = new RkvClient({ addresses: cluster.addresses, security: cluster.security });
    this.clients.push(operator);
    this.strikes = new Strikes(plan, cluster, this.mesh, operator, this.ends, this.options.tell);
    const random = new Random(plan.seed);
    const keys = Array.from({ length: plan.keys }, (_, i) => `k${i}`);
    const open = Array.from({ length: plan.clients }, (_, i) => this.openClient(i, cluster));
    this.registers = open.map(
      (client, i) => new Registers(i, client, keys, this.history, random.fork(`registers ${i}`)),
    );
    this.tellers = open.slice(0, TELLERS).map((client, i) => new Teller(i, client, random.fork(`teller ${i}`)));
    try {
      const work = [...this.registers, ...this.tellers].map((each) => each.run(this.faultsEnd.signal));
      const failure = new Promise<never>((_, reject) => {
        for (const each of work) each.catch(reject);
      });
      await Promise.race([this.strikes.run(), failure]);
      this.options.tell('healed');
      this.term = await this.expectLeader(cluster);
      this.faultsEnd.abort();
      await within(HEALING_MS, Promise.all(work));
      await Promise.all([
        ...this.registers.map((each) => each.serveAll(HEALING_MS)),
        ...this.tellers.map((each) => within(HEALING_MS, each.audit())),
      ]);
    } catch (error) {
      const words = wordsOf(error, [LivenessError, BankError, ClusterError]);
      return this.ends.foreign ?? words;
    } finally {
      this.faultsEnd.abort();
    }
    return this.ends.foreign ?? historyViolation(this.history);
  }

  private openClient(index: number, { addresses, security }: RunningCluster): RkvClient {
    const transport = grpcTransport({ rpc: 'stream', environment: systemEnvironment, security });
    const through: Transport = {
      ...transport,
      open: (address, listener) => transport.open(this.mesh.dialledBy(index, address), listener),
    };
    const client = new RkvClient({
      addresses: addresses.map((address) => this.mesh.dialledBy(index, address)),
      transport: this.options.tamper?.(through) ?? through,
      stallTimeoutMs: STALL_TIMEOUT_MS,
    });
    this.clients.push(client);
    return client;
  }

  private async expectLeader(cluster: RunningCluster): Promise<number> {
    const leader = await cluster.waitForLeader({ timeoutMs: HEALING_MS });
    const reports = await cluster.status();
    return reports.find(({ id }) => id === leader)?.term ?? 0;
  }

  private report(violation: string | undefined): RoundReport {
    const { engine, plan, term, registers } = this;
    const sum = (of: 'ok' | 'failed' | 'unknown') => registers.reduce((total, { counts }) => total + counts[of], 0);
    return {
      engine,
      seed: plan.seed,
      ok: sum('ok'),
      failed: sum('failed'),
      unknown: sum('unknown'),
      transfers: this.tellers.reduce((total, { transfers }) => total + transfers, 0),
      term,
      strikes: this.strikes?.done ?? new Map(),
      violation,
    };
  }
}
