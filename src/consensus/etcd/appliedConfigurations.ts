import type { Configuration } from '../contract.ts';

/** Which configuration was in force at which applied index, as far back as a snapshot may still be taken. */
export class AppliedConfigurations {
  private steps: { readonly index: number; readonly configuration: Configuration }[];

  constructor(index: number, configuration: Configuration) {
    this.steps = [{ index, configuration }];
  }

  /** From the entry at `index` on. */
  add(index: number, configuration: Configuration): void {
    this.steps.push({ index, configuration });
  }

  /** A snapshot took the place of everything applied so far. */
  restart(index: number, configuration: Configuration): void {
    this.steps = [{ index, configuration }];
  }

  at(index: number): Configuration {
    let found = this.steps[0]!;
    for (const step of this.steps) if (step.index <= index) found = step;
    return found.configuration;
  }

  /** Nobody asks for an index below this one any more. */
  forgetBelow(index: number): void {
    const configuration = this.at(index);
    this.steps = [{ index, configuration }, ...this.steps.filter((step) => step.index > index)];
  }
}
