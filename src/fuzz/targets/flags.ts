import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { type FlagSpec, formatFlag, UsageError } from '../../goflags/goFlags.ts';
import { formatDuration, parseBool, parseDurationMs, parseFloat64, parseInteger } from '../../goflags/goValues.ts';
import { parseServerConfig, type ServerConfig } from '../../server/flags.ts';
import { SETTING_NAMES, SETTINGS } from '../../settings/table.ts';
import { damagedText } from '../mutation.ts';
import { demand, type FuzzTarget, taken } from '../target.ts';

const WORDS = [
  ...['-', '--', '=', ',', ':', '[', ']', '[::1]', '.', '+', '_', '0x', '0b', '0o', 'e', '\0', ' ', '\n'],
  ...['1', '0', '-1', '9007199254740993', '1e999', 'inf', 'nan', 'true', 'F', '1'.repeat(60)],
  ...['1s', '20ms', '1h2m3.004s', 'µs', 'ns', '.5s', ':9201', 'localhost:1', '127.0.0.1:65536', 'd', '{id}'],
];

/** Values that a flag takes, as far as its kind says. */
function valueFor(spec: FlagSpec): fc.Arbitrary<string> {
  switch (spec.kind) {
    case 'bool':
      return fc.constantFrom('true', 'false', 't', '0');
    case 'int':
      return fc.oneof(fc.constant(String(Math.max(spec.default, spec.min ?? 0))), fc.integer().map(String));
    case 'float':
      return fc.oneof(fc.constant(String(spec.default)), fc.double().map(String));
    case 'duration':
      return fc.oneof(fc.constant(formatDuration(spec.default)), fc.integer({ min: -9, max: 1e7 }).map(formatDuration));
    case 'choice':
      return fc.constantFrom(...spec.choices);
    case 'string':
      return fc.oneof(fc.constant(spec.default), fc.constantFrom(...WORDS));
  }
}

const flag = fc
  .constantFrom(...SETTING_NAMES)
  .chain((name) =>
    fc.record({ name: fc.constant(name), value: valueFor(SETTINGS[name]), dashes: fc.constantFrom('-', '--') }),
  )
  .map(({ name, value, dashes }) => `${dashes}${name}=${value}`);
const required = fc.constantFrom('-id=1', '-id=2', '-id=7');
const argv = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(required, flag).map((flags) => [...flags]) },
  { weight: 4, arbitrary: fc.tuple(required, damagedText(flag, WORDS)).map((flags) => [...flags]) },
  { weight: 2, arbitrary: fc.array(damagedText(flag, WORDS), { maxLength: 5 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(['-h'], ['-version'], ['completion', 'bash'], ['completion'], ['-id', '1', 'x']),
  },
);

/** All flags, as a configuration says them. */
function typedAgain({ flags }: ServerConfig): string[] {
  return SETTING_NAMES.map((name) => `-${name}=${formatFlag(SETTINGS[name], flags[name])}`);
}

/** What reads a value by itself takes any text, too. */
function checkValues(text: string): void {
  for (const read of [parseBool, parseInteger, parseFloat64]) read(text);
  const ms = parseDurationMs(text);
  if (!ms.ok) return;
  const again = parseDurationMs(formatDuration(ms.value));
  demand(
    again.ok && Math.abs(again.value - ms.value) <= Math.abs(ms.value) * 1e-12,
    'a duration is printed as it is read',
  );
}

export const FLAGS: FuzzTarget<readonly string[]> = {
  name: 'flags',
  takes: "rkvd's command line",
  inputs: argv,
  check(words) {
    for (const word of words) checkValues(word.slice(word.indexOf('=') + 1));
    const config = taken(() => parseServerConfig(words), UsageError)?.value;
    if (config === undefined) return false;
    if (typeof config === 'string') {
      demand(config.length > 0, 'a question is answered');
      return true;
    }
    demand(isDeepStrictEqual(parseServerConfig(typedAgain(config)), config), 'flags typed again mean the same');
    return true;
  },
};
