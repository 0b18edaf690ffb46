/**
 * No cluster holds so many elections while a server is away. A message from further ahead is not from one of ours, and to
 * believe it would bring the term, which never falls, to the end of the integers.
 */
const TERM_JUMP_MAX = 2 ** 32;

/** Whether a server in term `own` may believe a peer's word of `term`. */
export function isPlausibleTerm(term: number, own: number): boolean {
  return term <= own + TERM_JUMP_MAX;
}
