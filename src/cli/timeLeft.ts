/** About how long `left` of something take, after `done` of them took `elapsedMs`, for people: `about 12 min left`. */
export function minutesLeft(elapsedMs: number, done: number, left: number): string {
  return `about ${Math.ceil((elapsedMs / 60_000 / done) * left)} min left`;
}
