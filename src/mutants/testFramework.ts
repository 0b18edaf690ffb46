import { ASYMMETRIC_MATCHERS_OBJECT, chai, JestAsymmetricMatchers, JestChaiExpect, JestExtend } from '@vitest/expect';

/**
 * What tests import from vitest, in an instrumented build: the same runner and the same expectations, in the process that imports them. A test
 * that asks for more (mocks, snapshots) is not a killer.
 */
export { afterAll, afterEach, beforeAll, beforeEach, describe, it, onTestFinished, test } from '@vitest/runner';

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

const matchers = (globalThis as Record<symbol, unknown>)[ASYMMETRIC_MATCHERS_OBJECT];
const fail = (message?: string): never =>
  chai.assert.fail(`expected not to be reached${message ? `: ${message}` : ''}`);

export const expect = Object.assign(
  (value: unknown, message?: string) => chai.expect(value, message),
  chai.expect,
  matchers,
  { unreachable: fail },
);
