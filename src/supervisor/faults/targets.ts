/** Which servers a fault is to hit; who that is, is found out when it begins. */
export type Targets =
  | { readonly kind: 'leader' }
  /** The lowest of those that follow the leader. */
  | { readonly kind: 'follower' }
  | { readonly kind: 'followers' }
  | { readonly kind: 'all' }
  | { readonly kind: 'ids'; readonly ids: readonly number[] };

export const TARGETS_EXPECTED = 'leader, follower, followers, all, or ids such as 1 or 1,2';

const IDS = /^[1-9]\d{0,8}(?:,[1-9]\d{0,8})*$/;
const GROUPS = /^[1-9]\d{0,8}(?:[,/][1-9]\d{0,8})*$/;

/** Undefined where the text is none. */
export function parseTargets(text: string): Targets | undefined {
  switch (text) {
    case 'leader':
    case 'follower':
    case 'followers':
    case 'all':
      return { kind: text };
    default:
      return IDS.test(text) ? { kind: 'ids', ids: ascending(text.split(',')) } : undefined;
  }
}

/** `1,2/3`: servers that are apart; undefined where the text is no such thing. */
export function parseGroups(text: string): readonly (readonly number[])[] | undefined {
  if (!GROUPS.test(text) || !text.includes('/')) return undefined;
  return text.split('/').map((group) => ascending(group.split(',')));
}

function ascending(texts: readonly string[]): number[] {
  return [...new Set(texts.map(Number))].sort((a, b) => a - b);
}
