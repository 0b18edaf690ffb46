import { renderTable } from '../cli/table.ts';
import type { ListedCluster } from './control/registry.ts';

/** What `rkv-cluster list --json` prints of a cluster. */
export interface ClusterListing {
  readonly name: string;
  /** Of the supervisor. */
  readonly pid: number;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly directory: string;
  readonly file: string | null;
  readonly servers: readonly { readonly id: number; readonly address: string; readonly pid: number | null }[];
}

export function listed({ name, supervisor, startedAt, directory, file, servers }: ListedCluster): ClusterListing {
  return {
    name,
    pid: supervisor.pid,
    startedAt,
    directory,
    file,
    servers: servers.map(({ id, address, process }) => ({ id, address, pid: process?.pid ?? null })),
  };
}

/** The clusters, a row each. */
export function renderClusters(clusters: readonly ListedCluster[]): string {
  const rows = clusters.map(listed).map(({ name, pid, startedAt, directory, servers }) => {
    const running = servers.filter((server) => server.pid !== null).length;
    return [name, String(pid), `${running} of ${servers.length}`, startedAt.slice(0, 19).replace('T', ' '), directory];
  });
  return renderTable(['name', 'pid', 'servers', 'since (UTC)', 'data'], rows, [
    'left',
    'right',
    'left',
    'left',
    'left',
  ]);
}
