import { describeEngineContract } from '../testing/engine.suite.ts';
import { etcdKind } from './index.ts';

describeEngineContract(etcdKind);
