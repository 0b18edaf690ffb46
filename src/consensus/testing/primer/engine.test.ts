import { describeEngineContract } from '../engine.suite.ts';
import { primerForgery } from './forgery.ts';
import { primerKind } from './index.ts';

describeEngineContract(primerKind, primerForgery, ({ type }) => type === 'take-over');
