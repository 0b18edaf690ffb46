import type { Security } from '../../net/endpoints/security.ts';
import type { RunSettings } from '../results/schema.ts';
import { etcdSystem } from './etcd/etcdSystem.ts';
import { rkvSystem } from './rkvSystem.ts';
import type { System } from './system.ts';

/** How one speaks to the servers of a kind of cluster. */
export function systemOf(kind: RunSettings['cluster']['kind'], security: Security): System {
  switch (kind) {
    case 'own':
    case 'running':
      return rkvSystem(security);
    case 'etcd':
      return etcdSystem(true);
    case 'running-etcd':
      return etcdSystem(false);
  }
}
