import type { System } from '../system.ts';
import { EtcdClient } from './etcdClient.ts';
import { EtcdMember } from './etcdMember.ts';

/** etcd, by its own API. `isOwn`: nobody else uses the cluster. */
export function etcdSystem(isOwn: boolean): System {
  return {
    newClient: (addresses, { onNotice }) => new EtcdClient(addresses, { isOwn, onNotice }),
    newAsker: (address) => new EtcdMember(address),
  };
}
