import { type EngineEntry, messageEntries } from '../../consensus/engineEntry.ts';
import { ENGINE_NAMES, type EngineName } from '../../consensus/engines.ts';
import { type Modules, type Operation, type OperationGroup, sink } from '../operation.ts';
import { EngineTrio } from './engineTrio.ts';
import { insertOf } from './inserts.ts';

const SIZES = [1, 64];

/** Of each engine: rounds through all three servers, and the messages that carry such a round. */
export const ENGINE_GROUPS: readonly OperationGroup[] = ENGINE_NAMES.map((name) => ({
  name,
  operations: SIZES.flatMap((count) => [round(name, count), encoding(name, count), decoding(name, count)]),
}));

function round(name: EngineName, count: number): Operation {
  return {
    name: `${name} engine: round of ${commandsText(count)} through three servers`,
    make: async (modules) => {
      const trio = new EngineTrio(await engineOf(modules, name));
      const commands = await commandsOf(modules, count);
      return {
        run: (times) => {
          for (let i = 0; i < times; i++) trio.round(commands);
        },
      };
    },
  };
}

function encoding(name: EngineName, count: number): Operation {
  return {
    name: `${name} codec: encode an append of ${entriesText(count)}`,
    make: async (modules) => {
      const entry = await engineOf(modules, name);
      const message = await appendOf(modules, entry, count);
      const { codec } = entry.kind;
      return {
        run: (times) => {
          for (let i = 0; i < times; i++) sink.value = codec.encode(message);
        },
      };
    },
  };
}

function decoding(name: EngineName, count: number): Operation {
  return {
    name: `${name} codec: decode an append of ${entriesText(count)}`,
    make: async (modules) => {
      const entry = await engineOf(modules, name);
      const { codec } = entry.kind;
      const bytes = codec.encode(await appendOf(modules, entry, count));
      return {
        run: (times) => {
          for (let i = 0; i < times; i++) sink.value = codec.decode(bytes);
        },
      };
    },
  };
}

/** The message in which a leader sends that many entries. */
async function appendOf(modules: Modules, entry: EngineEntry, count: number): Promise<unknown> {
  const trio = new EngineTrio(entry);
  let found: unknown;
  trio.watch = (message) => {
    if (messageEntries(message) === count) found ??= message;
  };
  trio.round(await commandsOf(modules, count));
  if (found === undefined) throw new Error(`no message with ${entriesText(count)}`);
  return found;
}

async function engineOf(modules: Modules, name: EngineName): Promise<EngineEntry> {
  const { engine } = await modules.load<{ readonly engine: EngineEntry }>(`consensus/${name}/index.ts`);
  return engine;
}

async function commandsOf(modules: Modules, count: number): Promise<Uint8Array[]> {
  const insert = await insertOf(modules);
  return Array.from({ length: count }, (_, at) => insert(1, at + 1, at));
}

function entriesText(count: number): string {
  return count === 1 ? '1 entry' : `${count} entries`;
}

function commandsText(count: number): string {
  return count === 1 ? '1 command' : `${count} commands`;
}
