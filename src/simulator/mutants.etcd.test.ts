import { describeMutants } from './testing/describeMutants.ts';

describeMutants('etcd');
