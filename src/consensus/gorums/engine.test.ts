import { describeEngineContract } from '../testing/engine.suite.ts';
import { engine, gorumsKind } from './index.ts';
import { gorumsForgery } from './testing/forgery.ts';

describeEngineContract(gorumsKind, gorumsForgery, engine);
