import { describe, expect, it } from 'vitest';
import { Random } from './random.ts';
import { Timeline } from './timeline.ts';

describe('the timeline', () => {
  it('lets events happen by time, and those of one instant in the order in which they were scheduled', () => {
    const timeline = new Timeline();
    const random = new Random(1);
    const planned: { at: number; order: number }[] = [];
    const happened: { at: number; order: number }[] = [];
    for (let order = 0; order < 500; order++) {
      const event = { at: random.int(50), order };
      planned.push(event);
      timeline.at(event.at, () => {
        expect(timeline.nowUs).toBe(event.at);
        happened.push(event);
      });
    }
    while (timeline.step());
    expect(happened).toEqual(planned.sort((a, b) => a.at - b.at || a.order - b.order));
  });

  it('passes over what was cancelled', () => {
    const timeline = new Timeline();
    const happened: number[] = [];
    const first = timeline.after(1, () => happened.push(1));
    timeline.after(2, () => happened.push(2));
    first.run = undefined;
    while (timeline.step());
    expect(happened).toEqual([2]);
    expect(timeline.steps).toBe(1);
  });

  it('never goes back', () => {
    const timeline = new Timeline();
    timeline.after(10, () => timeline.at(3, () => expect(timeline.nowUs).toBe(10)));
    while (timeline.step());
    expect(timeline.steps).toBe(2);
  });
});
