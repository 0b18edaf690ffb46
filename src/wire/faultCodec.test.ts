import { describe, expect, it } from 'vitest';
import { InvalidFaultError, type LinkTrouble, type ServerFault } from '../faults/serverFault.ts';
import { decodeStartFaults, encodeStartFaults, faultMessage, faultOf } from './faultCodec.ts';
import { Fault } from './generated/admin.ts';

const link = (trouble: LinkTrouble): ServerFault => ({ kind: 'link', peers: [2, 3], to: true, from: false, trouble });
const FAULTS: readonly ServerFault[] = [
  link({ kind: 'cut' }),
  link({ kind: 'loss', chance: 0.1 }),
  link({ kind: 'bandwidth', bytesPerSecond: 1e6 }),
  link({ kind: 'delay', shape: { kind: 'fixed', us: 5 } }),
  link({ kind: 'delay', shape: { kind: 'normal', meanUs: 5, deviationUs: 1 } }),
  link({ kind: 'delay', shape: { kind: 'heavy-tail', leastUs: 5 } }),
  { kind: 'client-link', to: false, from: true, trouble: { kind: 'loss', chance: 0.1 } },
  { kind: 'slow-disk', syncAddedUs: 1 },
  { kind: 'stalled-disk' },
  { kind: 'full-disk' },
  { kind: 'clock', rate: 0.5 },
];

describe('a fault on its way to a server', () => {
  it.each(FAULTS)('arrives as %j', (fault) => {
    expect(faultOf(Fault.decode(Fault.encode(faultMessage(fault)).finish()))).toEqual(fault);
  });

  it.each<[object, string]>([
    [{ kind: 'flood' }, 'a fault of kind "flood": expected link, '],
    [{ link: { trouble: 'knot' } }, 'a fault of a link of kind "knot": expected cut, '],
    [{ link: { trouble: 'delay', delayShape: 'square' } }, 'a delay of kind "square": expected fixed, '],
  ])('is refused by name where it is %j', (wrong, message) => {
    const { link: given, ...rest } = wrong as { kind?: string; link?: object };
    const base = faultMessage(link({ kind: 'cut' }));
    const asked = { ...base, ...rest, link: { ...base.link!, ...given } };
    expect(() => faultOf(asked)).toThrow(InvalidFaultError);
    expect(() => faultOf(asked)).toThrow(message);
  });

  it('is known to a server from its start', () => {
    const start = FAULTS.map((fault, i) => ({ id: `f${i}`, fault, lastsMs: 10 + i }));
    expect(decodeStartFaults(encodeStartFaults(start))).toEqual(start);
    expect(() => decodeStartFaults('////')).toThrow(InvalidFaultError);
  });
});
