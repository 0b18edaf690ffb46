/** Which servers a fault is to hit; who that is, is found out when it begins. */
export type Targets =
  | { readonly kind: 'leader' }
  /** The lowest of those that follow the leader. */
  | { readonly kind: 'follower' }
  | { readonly kind: 'followers' }
  | { readonly kind: 'all' }
  | { readonly kind: 'ids'; readonly ids: readonly number[] }
  /** In a scenario: whom earlier steps hit, or all others. */
  | { readonly kind: 'named'; readonly names: readonly string[]; readonly isLeftOut: boolean };

export const TARGETS_EXPECTED = 'leader, follower, followers, all, or ids such as 1 or 1,2';

const IDS = /^[1-9]\d{0,8}(?:,[1-9]\d{0,8})*$/;
const GROUPS = /^[1-9]\d{0,8}(?:[,/][1-9]\d{0,8})*$/;
const NAMED = /^(not )?([a-z][a-z0-9-]{0,31}(?:,[a-z][a-z0-9-]{0,31})*)$/;

/** Undefined where the text is none. `names` are those that a scenario has given to servers. */
export function parseTargets(text: string, names: readonly string[] = []): Targets | undefined {
  switch (text) {
    case 'leader':
    case 'follower':
    case 'followers':
    case 'all':
      return { kind: text };
  }
  if (IDS.test(text)) return { kind: 'ids', ids: ascending(text.split(',')) };
  const [, not, list] = NAMED.exec(text) ?? [];
  const meant = list?.split(',') ?? [];
  if (meant.length === 0 || meant.some((name) => !names.includes(name))) return undefined;
  return { kind: 'named', names: meant, isLeftOut: not !== undefined };
}

/** `1,2/3`: servers that are apart; undefined where the text is no such thing. */
export function parseGroups(text: string): readonly (readonly number[])[] | undefined {
  if (!GROUPS.test(text) || !text.includes('/')) return undefined;
  return text.split('/').map((group) => ascending(group.split(',')));
}

function ascending(texts: readonly string[]): number[] {
  return [...new Set(texts.map(Number))].sort((a, b) => a - b);
}

/** How a cluster stands when targets are resolved. */
export interface Standing {
  readonly ids: readonly number[];
  readonly leader: number | undefined;
  /** Those whose process runs and is not paused. */
  readonly running: readonly number[];
  readonly named: ReadonlyMap<string, readonly number[]>;
}

/** The ids that are meant, ascending, or why there are none. */
export function resolveTargets(
  targets: Targets,
  { ids, leader, running, named }: Standing,
): readonly number[] | string {
  switch (targets.kind) {
    case 'all':
      return ids;
    case 'ids': {
      const unknown = targets.ids.find((id) => !ids.includes(id));
      return unknown === undefined ? targets.ids : noServer(unknown, ids);
    }
    case 'named': {
      const { names, isLeftOut } = targets;
      const unknown = names.find((name) => !named.has(name));
      if (unknown !== undefined) return `no server is called ${unknown} yet`;
      const isMeant = (id: number) => names.some((name) => named.get(name)!.includes(id));
      return ids.filter((id) => isMeant(id) !== isLeftOut);
    }
  }
  if (leader === undefined) {
    return `nobody leads at the moment, so that there is no ${targets.kind}: name ids, or try again`;
  }
  if (targets.kind === 'leader') return [leader];
  const followers = running.filter((id) => id !== leader);
  if (followers.length === 0) return 'no server follows the leader';
  return targets.kind === 'follower' ? followers.slice(0, 1) : followers;
}

/** How it is said of a server that a cluster of these does not have. */
export function noServer(id: number, ids: readonly number[]): string {
  return `no server ${id}: expected one of ${ids.join(', ')}`;
}
