import { describeEngine } from './testing/describeEngine.ts';

describeEngine('etcd');
