import { describeEngine } from '../../simulator/testing/describeEngine.ts';

describeEngine('etcd');
