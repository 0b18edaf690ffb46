import { describeEngineContract } from '../testing/engine.suite.ts';
import { hashicorpKind } from './index.ts';
import { hashicorpForgery } from './testing/forgery.ts';

describeEngineContract(hashicorpKind, hashicorpForgery, ({ type }) => type === 'timeout-now');
