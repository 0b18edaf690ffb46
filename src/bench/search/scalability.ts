/** Requests a second that a closed loop of so many clients got. */
export interface ScalabilityPoint {
  readonly clients: number;
  readonly perSecond: number;
}

/**
 * The universal scalability law (Gunther, Guerrilla Capacity Planning, 2007, ch. 4 to 6): N clients get
 * λN / (1 + σ(N − 1) + κN(N − 1)) requests a second.
 */
export interface ScalabilityLaw {
  /** λ: requests a second of one client that is alone. */
  readonly alonePerSecond: number;
  /** σ: the share of the work that only one can do at a time. */
  readonly contention: number;
  /** κ: what each pair of clients costs the others. */
  readonly coherence: number;
}

/** Fewer determine the three numbers, or leave nothing over. */
export const POINTS_MIN = 4;

/**
 * The law that fits the points best: least squares on N / X(N) = (1 + σ(N − 1) + κN(N − 1)) / λ, which is linear in 1/λ, σ/λ and κ/λ, each point's
 * error as a share of it, so that loads of one client and of a thousand count alike. σ and κ are not below 0: where the
 * best fit has one so, it is 0 and the rest is fitted again. Undefined where the points do not determine it.
 */
export function fitScalability(points: readonly ScalabilityPoint[]): ScalabilityLaw | undefined {
  const usable = points.filter(({ clients, perSecond }) => clients > 0 && perSecond > 0);
  if (new Set(usable.map(({ clients }) => clients)).size < POINTS_MIN) return undefined;
  const columns = [() => 1, (n: number) => n - 1, (n: number) => n * (n - 1)];
  const choices = [[0, 1, 2], [0, 1], [0, 2], [0]];
  let best: { law: ScalabilityLaw; error: number } | undefined;
  for (const chosen of choices) {
    const rows = usable.map(({ clients, perSecond }) => {
      const weight = perSecond / clients;
      return chosen.map((column) => columns[column]!(clients) * weight);
    });
    const found = leastSquares(rows);
    if (found === undefined) continue;
    const of = (column: number) => (chosen.includes(column) ? found[chosen.indexOf(column)]! : 0);
    if (of(0) <= 0 || of(1) < 0 || of(2) < 0) continue;
    const error = rows.reduce(
      (sum, row) => sum + (row.reduce((total, each, at) => total + each * found[at]!, 0) - 1) ** 2,
      0,
    );
    const law = { alonePerSecond: 1 / of(0), contention: of(1) / of(0), coherence: of(2) / of(0) };
    if (best === undefined || error < best.error) best = { law, error };
  }
  return best?.law;
}

export function predictedPerSecond({ alonePerSecond, contention, coherence }: ScalabilityLaw, clients: number): number {
  return (alonePerSecond * clients) / (1 + contention * (clients - 1) + coherence * clients * (clients - 1));
}

/** From so many clients on more of them get less in all; infinite where no pair costs anything. */
export function peakClients({ contention, coherence }: ScalabilityLaw): number {
  return coherence === 0 ? Number.POSITIVE_INFINITY : Math.max(1, Math.sqrt(Math.max(0, 1 - contention) / coherence));
}

/**
 * Where latency begins to grow faster than throughput: so many clients that what one alone would do, multiplied, meets what
 * the most can be (Kleinrock, On Flow Control in Computer Networks, 1978: the optimal operating point).
 */
export function kneeClients(law: ScalabilityLaw): number {
  const peak = peakClients(law);
  const most = Number.isFinite(peak) ? predictedPerSecond(law, peak) : law.alonePerSecond / law.contention;
  return most / law.alonePerSecond;
}

/** The solution of rows · x = 1 with the least sum of squares, by the normal equations; undefined where there is no single one. */
function leastSquares(rows: readonly (readonly number[])[]): number[] | undefined {
  const size = rows[0]!.length;
  const scale = Array.from({ length: size }, (_, at) => Math.hypot(...rows.map((row) => row[at]!)) || 1);
  const scaled = rows.map((row) => row.map((value, at) => value / scale[at]!));
  const matrix = Array.from({ length: size }, (_, i) => [
    ...Array.from({ length: size }, (__, j) => scaled.reduce((sum, row) => sum + row[i]! * row[j]!, 0)),
    scaled.reduce((sum, row) => sum + row[i]!, 0),
  ]);
  for (let i = 0; i < size; i++) {
    const pivot = matrix.slice(i).reduce((most, row) => (Math.abs(row[i]!) > Math.abs(most[i]!) ? row : most));
    if (Math.abs(pivot[i]!) < 1e-12) return undefined;
    matrix.splice(matrix.indexOf(pivot), 1);
    matrix.splice(i, 0, pivot);
    for (const [at, row] of matrix.entries()) {
      if (at === i) continue;
      const factor = row[i]! / pivot[i]!;
      for (let j = i; j <= size; j++) row[j]! -= factor * pivot[j]!;
    }
  }
  return matrix.map((row, i) => row[size]! / row[i]! / scale[i]!);
}
