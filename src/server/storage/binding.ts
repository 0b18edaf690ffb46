/** A start of a server, as its data name it. */
export interface StartName {
  /** Starts so far, this one included; for people. */
  readonly boots: number;
  readonly life: string;
  /** The start that the server's identity named before this one. */
  readonly previous: string;
}

/**
 * Which start goes on from a promised area, and so from the store that belongs to it: what keeps the two from standing beside the
 * identity of another time (identity/binding.ts). It stands in every slot that this start writes.
 */
export interface Binding extends StartName {
  /** How often the area has been bound by then: of two slots of the same write the one that was bound later counts. */
  readonly count: number;
}
