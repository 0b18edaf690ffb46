import type { Operation, OperationGroup } from './operation.ts';
import { ENGINE_GROUPS } from './operations/engines.ts';
import { STORAGE_GROUPS } from './operations/storage.ts';
import { WIRE_GROUPS } from './operations/wire.ts';

/** All that is measured, in the order in which it is told. */
export const GROUPS: readonly OperationGroup[] = [...ENGINE_GROUPS, ...STORAGE_GROUPS, ...WIRE_GROUPS];

/** Nothing that is measured is called so. */
export class UnknownOperationError extends Error {
  override readonly name = 'UnknownOperationError';
}

/** The groups with those operations whose names have one of these texts in them; all where there is no text. Throws UnknownOperationError. */
export function groupsOf(texts: readonly string[]): OperationGroup[] {
  const unknown = texts.find(
    (text) => !GROUPS.some(({ operations }) => operations.some(({ name }) => name.includes(text))),
  );
  if (unknown !== undefined) {
    const names = GROUPS.flatMap(({ operations }) => operations.map(({ name }) => `  ${name}`));
    throw new UnknownOperationError(`no operation has "${unknown}" in its name; there are\n${names.join('\n')}`);
  }
  const isWanted = ({ name }: Operation) => texts.length === 0 || texts.some((text) => name.includes(text));
  return GROUPS.map((group) => ({ ...group, operations: group.operations.filter(isWanted) })).filter(
    ({ operations }) => operations.length > 0,
  );
}
