import { describeEngineContract } from '../engine.suite.ts';
import { primerForgery } from './forgery.ts';
import { engine, primerKind } from './index.ts';

describeEngineContract(primerKind, primerForgery, engine);
