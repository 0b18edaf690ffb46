import { expect, it } from 'vitest';
import { ENGINES, loadEngines } from '../../consensus/engines.ts';
import { CommandType, encodeCommand } from '../../wire/command.ts';
import { StageWatch } from './stageWatch.ts';
import { drivenReplica } from './testing/drivenReplica.ts';

const REGISTER = encodeCommand({ type: CommandType.Register });

it.each(Object.entries(await loadEngines(ENGINES)))(
  'a server of %s that leads alone tells how long each stage of a command took, and its pace of what it applied',
  async (_, { kind }) => {
    const took: string[] = [];
    let synced = 0;
    const clock = { us: 0 };
    const stages = new StageWatch({
      nowUs: () => ++clock.us,
      soon: (run) => run(),
      took: (stage, us) => {
        expect(us).toBeGreaterThan(0);
        took.push(stage);
      },
      synced: (entries) => {
        synced += entries;
      },
    });
    const { replica, step } = drivenReplica(kind, { bootstrap: [1], environment: { stages } });
    stages.isOn = true;
    clock.us = 10_000;
    for (let i = 0; i < 60 && replica.status().role !== 'leader'; i++) await step();
    const answers: string[] = [];
    const sink = {
      commandDone: (_tag: number, { status }: { status: string }) => void answers.push(status),
      lookupDone: () => {},
    };
    replica.submit(REGISTER, sink, 1);
    for (let i = 0; i < 10; i++) await step();
    expect(answers).toEqual(['ok']);
    for (const stage of ['wait', 'quorum', 'apply', 'answer', 'write', 'disk']) expect(took).toContain(stage);
    expect(synced).toBeGreaterThanOrEqual(replica.status().lastIndex);
    const pace = () => Reflect.get(replica, 'pace');
    const windows = () => Reflect.get(pace(), 'recent') as readonly { readonly commands: number }[];
    const before = windows().length;
    // A quarter of a second.
    for (let i = 0; i < 51; i++) await step();
    expect(windows().length).toBeGreaterThan(before);
    expect(windows().some(({ commands }) => commands > 0)).toBe(true);
  },
);
