import { describeEngineContract } from '../testing/engine.suite.ts';
import { hashicorpKind } from './index.ts';

describeEngineContract(hashicorpKind);
