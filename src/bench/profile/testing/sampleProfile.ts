import type { CallFrame, CpuProfile } from '../cpuProfile.ts';

export function frame(functionName: string, url = 'file:///elsewhere.js'): CallFrame {
  return { functionName, url, lineNumber: 0, columnNumber: 0 };
}

type Node = CpuProfile['nodes'][number] & { children: number[] };

/** A profile of stacks, innermost function first, each with the times at which it was found, µs. */
export function sampleProfile(
  startTime: number,
  stacks: readonly (readonly [frames: readonly CallFrame[], atUs: readonly number[]])[],
): CpuProfile {
  const nodes: Node[] = [{ id: 1, callFrame: frame('(root)', ''), children: [] }];
  const looks: { readonly atUs: number; readonly id: number }[] = [];
  for (const [frames, times] of stacks) {
    let node = nodes[0]!;
    for (const callFrame of frames.toReversed()) {
      const known = nodes.find(({ id, callFrame: { functionName, url } }) => {
        return node.children.includes(id) && functionName === callFrame.functionName && url === callFrame.url;
      });
      const next = known ?? { id: nodes.length + 1, callFrame, children: [] };
      if (known === undefined) {
        nodes.push(next);
        node.children.push(next.id);
      }
      node = next;
    }
    for (const atUs of times) looks.push({ atUs, id: node.id });
  }
  looks.sort((one, other) => one.atUs - other.atUs);
  return {
    nodes,
    startTime,
    endTime: looks.at(-1)?.atUs ?? startTime,
    samples: looks.map(({ id }) => id),
    timeDeltas: looks.map(({ atUs }, at) => atUs - (looks[at - 1]?.atUs ?? startTime)),
  };
}
