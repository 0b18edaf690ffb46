import { describeEngineContract } from '../testing/engine.suite.ts';
import { engine, hashicorpKind } from './index.ts';
import { hashicorpForgery } from './testing/forgery.ts';

describeEngineContract(hashicorpKind, hashicorpForgery, engine);
