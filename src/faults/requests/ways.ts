/** Which ways of a link are meant, as people say it: what is named, `to`, `from` or both; and both where neither is. */
export function waysOf(to: unknown, from: unknown): { readonly to: boolean; readonly from: boolean } {
  const isBoth = (to === undefined) === (from === undefined);
  return { to: isBoth || to !== undefined, from: isBoth || from !== undefined };
}
