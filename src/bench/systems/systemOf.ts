import type { RunSettings } from '../results/schema.ts';
import { etcdSystem } from './etcd/etcdSystem.ts';
import { rkvSystem } from './rkvSystem.ts';
import type { System } from './system.ts';

/** How one speaks to the servers of a kind of cluster. */
export function systemOf(kind: RunSettings['cluster']['kind']): System {
  switch (kind) {
    case 'own':
    case 'running':
      return rkvSystem;
    case 'etcd':
      return etcdSystem(true);
    case 'running-etcd':
      return etcdSystem(false);
  }
}
