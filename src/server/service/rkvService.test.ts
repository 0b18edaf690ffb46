import { status } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { ServerMetrics } from '../observe/metrics.ts';
import { commandImplementation } from './rkvService.ts';
import type { ServiceContext } from './serviceContext.ts';

it('a connection that has registered too many sessions is refused more by unary calls, too', () => {
  const submitted: Uint8Array[] = [];
  let mayRegister = true;
  const context = {
    replica: { submit: (command: Uint8Array) => submitted.push(command) },
    metrics: new ServerMetrics(),
    door: { connectionOf: () => ({ mayRegister: () => mayRegister }) },
    nowUs: () => 0,
  };
  const { Register: register } = commandImplementation(context as unknown as ServiceContext) as unknown as Record<
    'Register',
    (call: object, done: (error: { code: status } | null) => void) => void
  >;
  const failed: status[] = [];
  const done = (error: { code: status } | null) => error !== null && failed.push(error.code);
  register({ request: Buffer.alloc(0) }, done);
  mayRegister = false;
  register({ request: Buffer.alloc(0) }, done);
  expect(submitted).toHaveLength(1);
  expect(failed).toEqual([status.RESOURCE_EXHAUSTED]);
});
