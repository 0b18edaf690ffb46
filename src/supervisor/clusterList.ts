import { renderTable } from '../cli/table.ts';
import type { KnownCluster } from './control/registry.ts';

/** What `rkv-cluster list --json` prints of a cluster. */
export interface ClusterListing {
  readonly name: string;
  readonly state: 'running' | 'stopped';
  /** Of the supervisor; null where none runs. */
  readonly pid: number | null;
  /** ISO 8601; null where it is stopped. */
  readonly startedAt: string | null;
  /** Whether its servers speak TLS; null where it is stopped. */
  readonly tls: boolean | null;
  readonly directory: string;
  readonly file: string | null;
  /** Those that its supervisor started. */
  readonly servers: readonly { readonly id: number; readonly address: string; readonly pid: number | null }[];
}

export function listed({ name, directory, file, running }: KnownCluster): ClusterListing {
  const servers = running?.servers ?? [];
  return {
    name,
    state: running === undefined ? 'stopped' : 'running',
    pid: running?.supervisor.pid ?? null,
    startedAt: running?.startedAt ?? null,
    tls: running?.tls ?? null,
    directory,
    file,
    servers: servers.map(({ id, address, process }) => ({ id, address, pid: process?.pid ?? null })),
  };
}

/** The clusters, a row each. */
export function renderClusters(clusters: readonly KnownCluster[]): string {
  const rows = clusters.map(listed).map(({ name, pid, startedAt, tls, directory, servers }) => {
    const running = servers.filter((server) => server.pid !== null).length;
    return [
      name,
      pid === null ? '-' : String(pid),
      pid === null ? 'stopped' : `${running} of ${servers.length}`,
      startedAt === null ? '-' : startedAt.slice(0, 19).replace('T', ' '),
      tls ? 'yes' : '-',
      directory,
    ];
  });
  return renderTable(['name', 'pid', 'servers', 'since (UTC)', 'tls', 'data'], rows, [
    'left',
    'right',
    'left',
    'left',
    'left',
    'left',
  ]);
}
