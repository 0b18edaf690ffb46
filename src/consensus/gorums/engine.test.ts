import { describeEngineContract } from '../testing/engine.suite.ts';
import { gorumsKind } from './index.ts';

describeEngineContract(gorumsKind);
