import { describe, expect, it } from 'vitest';
import { fitScalability, kneeClients, peakClients, predictedPerSecond, type ScalabilityLaw } from './scalability.ts';

const CLIENTS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
const drawn = (law: ScalabilityLaw, noise = (_at: number) => 1) =>
  CLIENTS.map((clients, at) => ({ clients, perSecond: predictedPerSecond(law, clients) * noise(at) }));

describe('the universal scalability law', () => {
  it.each<ScalabilityLaw>([
    { alonePerSecond: 800, contention: 0.02, coherence: 0.000_05 },
    { alonePerSecond: 995.6, contention: 0.026_71, coherence: 0.000_769 },
    { alonePerSecond: 100, contention: 0.1, coherence: 0 },
    { alonePerSecond: 5, contention: 0, coherence: 0 },
  ])('is found again in points that follow it: %j', (law) => {
    const found = fitScalability(drawn(law))!;
    expect(found.alonePerSecond).toBeCloseTo(law.alonePerSecond, 3);
    expect(found.contention).toBeCloseTo(law.contention, 6);
    expect(found.coherence).toBeCloseTo(law.coherence, 8);
  });

  it('is near in points that stray by 5 %', () => {
    const law = { alonePerSecond: 800, contention: 0.02, coherence: 0.000_05 };
    const found = fitScalability(drawn(law, (at) => (at % 2 === 0 ? 1.05 : 0.95)))!;
    expect(peakClients(found) / peakClients(law)).toBeGreaterThan(0.8);
    expect(peakClients(found) / peakClients(law)).toBeLessThan(1.25);
  });

  it('has neither contention nor coherence below nothing, and is not made up where points are too few', () => {
    const superlinear = CLIENTS.map((clients) => ({ clients, perSecond: 10 * clients ** 1.1 }));
    expect(fitScalability(superlinear)).toMatchObject({ contention: 0, coherence: 0 });
    expect(fitScalability(drawn({ alonePerSecond: 1, contention: 0, coherence: 0 }).slice(0, 3))).toBeUndefined();
  });

  it('has a peak where more clients get less in all, and a knee before it', () => {
    const law = { alonePerSecond: 800, contention: 0.02, coherence: 0.000_05 };
    expect(peakClients(law)).toBe(140);
    expect(predictedPerSecond(law, 140)).toBeGreaterThan(predictedPerSecond(law, 139));
    expect(predictedPerSecond(law, 140)).toBeGreaterThan(predictedPerSecond(law, 141));
    expect(kneeClients(law)).toBeCloseTo(predictedPerSecond(law, 140) / 800, 6);
    expect(kneeClients({ ...law, coherence: 0 })).toBe(50);
  });
});
