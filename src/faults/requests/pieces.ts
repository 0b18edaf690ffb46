import type { LinkTrouble, ServerFault } from '../serverFault.ts';
import type { RequestedFault } from './faultRequest.ts';

/** What each server is to be told of a fault, by id. */
export type Pieces = ReadonlyMap<number, readonly ServerFault[]>;

/** Faults that servers bring about themselves. */
export type OwnFault = Exclude<RequestedFault, { readonly kind: 'kill' | 'pause' }>;

/** A way from one server to another. */
type Path = readonly [from: number, to: number];

/** `targets`, and `peers` where these were named, are what the request's come to. */
export function piecesOf(
  fault: OwnFault,
  all: readonly number[],
  targets: readonly number[],
  peers: readonly number[] | undefined,
): Pieces {
  switch (fault.kind) {
    case 'groups':
      return bothEnds(pathsBetween(fault.groups), { kind: 'cut' });
    case 'link': {
      const { trouble } = fault;
      const paths = pathsOf(fault, targets, peers ?? othersThan(targets, all, trouble.kind));
      // Who is started again is not apart from anybody until it is told; the others are from it all the while.
      return trouble.kind === 'cut' ? bothEnds(paths, trouble) : oneEnd(paths, trouble, targets);
    }
    case 'client-link': {
      const { kind, to, from, trouble } = fault;
      return each(targets, { kind, to, from, trouble });
    }
    case 'slow-disk':
      return each(targets, { kind: fault.kind, syncAddedUs: fault.syncAddedUs });
    case 'stalled-disk':
    case 'full-disk':
      return each(targets, { kind: fault.kind });
    case 'clock':
      return each(targets, { kind: fault.kind, rate: fault.rate });
  }
}

/** Several servers are apart from the rest together, unless that is nobody; but what else befalls a link befalls all that they have. */
function othersThan(targets: readonly number[], all: readonly number[], kind: LinkTrouble['kind']): readonly number[] {
  const rest = all.filter((id) => !targets.includes(id));
  return kind === 'cut' && rest.length > 0 ? rest : all;
}

function pathsBetween(groups: readonly (readonly number[])[]): Path[] {
  return groups.flatMap((group) =>
    group.flatMap((from) =>
      groups.filter((other) => other !== group).flatMap((other) => other.map((to): Path => [from, to])),
    ),
  );
}

function pathsOf(
  { to, from }: { readonly to: boolean; readonly from: boolean },
  targets: readonly number[],
  peers: readonly number[],
): Path[] {
  const paths = new Map<string, Path>();
  for (const target of targets) {
    for (const peer of peers.filter((id) => id !== target)) {
      if (to) paths.set(`${target} ${peer}`, [target, peer]);
      if (from) paths.set(`${peer} ${target}`, [peer, target]);
    }
  }
  return [...paths.values()];
}

function bothEnds(paths: readonly Path[], trouble: LinkTrouble): Pieces {
  return links(
    paths.flatMap(([from, to]) => [
      { server: from, peer: to, way: 'to' as const },
      { server: to, peer: from, way: 'from' as const },
    ]),
    trouble,
  );
}

/** Once alone, or a delay would be twice as long: by the target, which where both are one is the sender. */
function oneEnd(paths: readonly Path[], trouble: LinkTrouble, targets: readonly number[]): Pieces {
  return links(
    paths.map(([from, to]) =>
      targets.includes(from)
        ? { server: from, peer: to, way: 'to' as const }
        : { server: to, peer: from, way: 'from' as const },
    ),
    trouble,
  );
}

interface End {
  readonly server: number;
  readonly peer: number;
  readonly way: 'to' | 'from';
}

function links(ends: readonly End[], trouble: LinkTrouble): Pieces {
  const pieces = new Map<number, ServerFault[]>();
  for (const server of ascending(ends.map((end) => end.server))) {
    const peers = (way: End['way']) =>
      ascending(ends.filter((end) => end.server === server && end.way === way).map(({ peer }) => peer));
    const [to, from] = [peers('to'), peers('from')];
    const both = to.join() === from.join();
    const link = (ids: readonly number[], ways: { readonly to: boolean; readonly from: boolean }): ServerFault[] =>
      ids.length === 0 ? [] : [{ kind: 'link', peers: ids, ...ways, trouble }];
    pieces.set(
      server,
      both
        ? link(to, { to: true, from: true })
        : [...link(to, { to: true, from: false }), ...link(from, { to: false, from: true })],
    );
  }
  return pieces;
}

function each(targets: readonly number[], fault: ServerFault): Pieces {
  return new Map(targets.map((id) => [id, [fault]]));
}

function ascending(ids: readonly number[]): number[] {
  return [...new Set(ids)].sort((a, b) => a - b);
}
