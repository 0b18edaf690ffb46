/** Where a run leaves the draws that it would have made: after so many events it draws those of a variation. */
export interface Twist {
  readonly afterSteps: number;
  readonly variation: number;
}

/** What makes a run what it is, besides its engine: a seed and, in the order of their steps, its twists. */
export interface RunName {
  readonly seed: number;
  readonly twists: readonly Twist[];
}

/** `191` for a plain seed, `191+5012.3` for one that is twisted after 5012 events into its variation 3, and so on. */
export function formatRunName({ seed, twists }: RunName): string {
  return [seed, ...twists.map(({ afterSteps, variation }) => `${afterSteps}.${variation}`)].join('+');
}

/** undefined where the text is no name of a run. */
export function parseRunName(text: string): RunName | undefined {
  if (!NAME_PATTERN.test(text)) return undefined;
  const [first, ...rest] = text.split('+');
  const twists = rest.map((part): Twist => {
    const [afterSteps, variation] = part.split('.');
    return { afterSteps: Number(afterSteps), variation: Number(variation) };
  });
  const seed = Number(first);
  const ascends = twists.every(({ afterSteps }, i) => afterSteps > (twists[i - 1]?.afterSteps ?? 0));
  const fits = twists.every(({ afterSteps, variation }) => Math.max(afterSteps, variation) < TWIST_NUMBER_MAX);
  return seed < SEED_MAX && ascends && fits ? { seed, twists } : undefined;
}

/** No seed is as large. */
export const SEED_MAX = 2 ** 48;
const TWIST_NUMBER_MAX = 2 ** 31;
const NAME_PATTERN = /^\d+(\+\d+\.\d+)*$/;
