import { readFileSync } from 'node:fs';
import { isOlder, RkvClient, type ServerReport } from '../../client/rkvClient.ts';
import type { Security } from '../../net/endpoints/security.ts';
import { StatusClient } from '../../supervisor/statusClient.ts';
import type { StatusResponse } from '../../wire/generated/admin.ts';
import { isLoopback, listenerPid } from '../facts/listener.ts';
import type { StagesRecord } from '../results/schema.ts';
import type { ServerStatus, StatusAsker, System, SystemClient, SystemClientOptions } from './system.ts';

/** What servers are called that speak the wire and say nothing of themselves. */
const ORIGINAL = "the original's";
const WHAT_ITS_ANSWERS_MEAN =
  'the original answers inserts that come ahead of their turn before it applies them, and lookups without proof that it leads: what is said of answers holds of our servers alone (docs/interop.md)';

/** Servers that speak `rkvpb.RKV`: ours, and the original's. */
export function rkvSystem(security: Security): System {
  return {
    newClient: (addresses, options) => new RkvSystemClient(addresses, options, security),
    newAsker: (address) => new RkvAsker(address, security),
  };
}

class RkvSystemClient implements SystemClient {
  private readonly client: RkvClient;
  private readonly addresses: readonly string[];
  private readonly hasLookups: boolean;
  private readonly onNotice: SystemClientOptions['onNotice'];
  private hasOriginals = false;

  constructor(addresses: readonly string[], { rpc, hasLookups, onNotice }: SystemClientOptions, security: Security) {
    this.addresses = addresses;
    this.hasLookups = hasLookups;
    this.onNotice = onNotice;
    this.client = new RkvClient({ addresses, rpc, onNotice, security });
  }

  get counters(): SystemClient['counters'] {
    const { retries, linksLost, stalls, notLeader } = this.client.counters;
    return { retries, linksLost, stalls, notLeader };
  }

  get readBackObstacle(): string | undefined {
    return this.hasOriginals && !this.hasLookups
      ? "a lookup ends some of the original's servers: --reads above 0 says that these can take one"
      : undefined;
  }

  openSession: RkvClient['openSession'] = (options) => this.client.openSession(options);

  submitLookup: SystemClient['submitLookup'] = (key, listener, tag, deadlineMs) =>
    this.client.submitLookup(key, listener, tag, deadlineMs);

  lookup(key: string): Promise<string | undefined> {
    return this.client.lookup(key);
  }

  async statuses(): Promise<ServerStatus[]> {
    const reports = await this.client.statuses();
    if (reports.some(isOlder) && !this.hasOriginals) {
      this.hasOriginals = true;
      this.onNotice?.(WHAT_ITS_ANSWERS_MEAN);
    }
    const statuses = await Promise.all(reports.map((report) => this.statusOf(report)));
    return statuses.flatMap((status) => status ?? []);
  }

  private async statusOf(report: ServerReport): Promise<ServerStatus | undefined> {
    if ('status' in report) return statusOf(report.status);
    if (!isOlder(report)) return undefined;
    const { address } = report;
    const word = await this.client.whoLeads(address).catch(() => undefined);
    return {
      id: this.addresses.indexOf(address) + 1,
      address,
      backend: ORIGINAL,
      role: word === undefined ? '' : word.leads ? 'leader' : 'follower',
      term: 0,
      leader: word?.leader ?? 0,
      commitIndex: 0,
      appliedIndex: 0,
      voters: [],
      keys: 0,
      sessions: 0,
      settings: {},
      pid: listenerPid(address),
    };
  }

  async beginStages(durationMs: number): Promise<void> {
    await this.client.beginStages(durationMs);
  }

  /** Nothing of servers that were started anew meanwhile, or cannot look. */
  async endStages(): Promise<ReadonlyMap<number, StagesRecord>> {
    const seen = new Map<number, StagesRecord>();
    for (const report of await this.client.measureStages(0)) {
      if (!('stages' in report) || report.stages.seconds === 0) continue;
      const { id, spreads, ...rest } = report.stages;
      seen.set(id, {
        ...rest,
        spreads: Object.fromEntries(spreads.map(({ name, ...each }) => [name, each])),
      });
    }
    return seen;
  }

  close(): void {
    this.client.close();
  }
}

function statusOf({ pid, ...status }: StatusResponse): ServerStatus {
  return { ...status, pid: isLoopback(status.address) && isServer(pid) ? pid : undefined };
}

/** A port may be forwarded from another machine or container, where the same pid is something else. */
function isServer(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('rkvd');
  } catch {
    return false;
  }
}

class RkvAsker implements StatusAsker {
  private readonly client: StatusClient;

  constructor(address: string, security: Security) {
    this.client = new StatusClient(address, security);
  }

  ask(timeoutMs: number) {
    return this.client.ask(timeoutMs);
  }

  close(): void {
    this.client.close();
  }
}
