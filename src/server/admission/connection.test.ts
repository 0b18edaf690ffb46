import { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { Connection } from './connection.ts';

const LISTENER = {
  grew: () => {},
  callEnded: () => {},
  wasTooLarge: () => {},
  abandoned: () => {},
  gone: () => {},
  refusesStranger: () => ({ code: 8, details: '' }),
};

it('one connection registered sessions without end, in the place of others', () => {
  const connection = new Connection(new Socket(), 0, false, LISTENER);
  const registered = (nowMs: number) => {
    let count = 0;
    while (count < 100_000 && connection.mayRegister(nowMs)) count++;
    return count;
  };
  expect([registered(0), registered(0), registered(1000), registered(1000)]).toEqual([20_000, 0, 100, 0]);
  // Others have their own.
  expect(new Connection(new Socket(), 0, false, LISTENER).mayRegister(0)).toBe(true);
});
