/** One value of an axis. */
export interface Level<T> {
  /** Tells it from the others of its axis, in words and in names of runs. */
  readonly label: string;
  /** `settings` with this value. */
  readonly apply: (settings: T) => T;
}

/** A setting that has several values. One with a single level says how all configurations are. */
export interface Axis<T> {
  readonly name: string;
  readonly levels: readonly Level<T>[];
}

/** Which level a configuration has of each axis that has several, by the axis' name. */
export type Levels = Readonly<Record<string, string>>;

export interface Configuration<T> {
  readonly settings: T;
  readonly levels: Levels;
}

/** `settings` with every combination of the levels, the last axis fastest. */
export function configurationsOf<T>(settings: T, axes: readonly Axis<T>[]): Configuration<T>[] {
  return axes.reduce<Configuration<T>[]>(
    (before, { name, levels }) =>
      before.flatMap((one) =>
        levels.map(({ label, apply }) => ({
          settings: apply(one.settings),
          levels: levels.length > 1 ? { ...one.levels, [name]: label } : one.levels,
        })),
      ),
    [{ settings, levels: {} }],
  );
}

/** An axis of a setting, each value once. `label` is for the name of a run: letters, digits, dots and dashes. */
export function axisOf<T, V>(
  name: string,
  values: readonly V[],
  label: (value: V) => string,
  apply: (settings: T, value: V) => T,
): Axis<T> {
  const levels = [...new Set(values)].map((value) => ({
    label: label(value),
    apply: (settings: T) => apply(settings, value),
  }));
  return { name, levels };
}
