import { describeEngineContract } from '../testing/engine.suite.ts';
import { gorumsKind } from './index.ts';
import { gorumsForgery } from './testing/forgery.ts';

describeEngineContract(gorumsKind, gorumsForgery, ({ type }) => type === 'TimeoutNow');
