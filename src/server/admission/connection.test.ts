import { Socket } from 'node:net';
import { expect, it } from 'vitest';
import type { Http2Connection } from '../../net/http2/connection.ts';
import { Connection } from './connection.ts';

const LISTENER = {
  grew: () => {},
  callEnded: () => {},
  wasTooLarge: () => {},
  refusedCall: () => {},
  abandoned: () => {},
  gone: () => {},
  refusesStranger: () => ({ code: 8, details: '' }),
};

it('that a server was paused was laid to everybody on whose connection nothing was read meanwhile', () => {
  const connection = new Connection(new Socket(), 0, false, LISTENER);
  const ping = () => {
    http2.awaitsPong = true;
  };
  const http2 = { streamCount: 0, awaitsPong: false, ping };
  connection.http2 = http2 as unknown as Http2Connection;
  const look = (nowMs: number) => connection.look(nowMs, 1_000_000, 1000);
  expect(look(60_000)).toBeUndefined();
  expect(http2.awaitsPong).toBe(true);
  expect(look(61_000)).toBeUndefined();
  expect(look(61_001)).toBe('closed a connection whose other end is gone');
});

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
