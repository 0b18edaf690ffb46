import { FrontDoor, type FrontDoorOptions } from '../frontDoor.ts';

const NO_COUNTS = {
  connectionsRefused: { inc: () => {} },
  connectionsClosed: { inc: () => {} },
  callsEnded: { inc: () => {} },
  requestsTooLarge: { inc: () => {} },
};

/** A door that keeps nobody out but for what `options` say. */
export function openDoor(options: Partial<FrontDoorOptions> = {}): FrontDoor {
  return new FrontDoor({
    connectionsMax: 100,
    peerConnections: 0,
    budgetBytes: 1 << 30,
    unusedMax: 1024,
    silenceMsMax: 30_000,
    queuedBytes: () => 0,
    counts: NO_COUNTS,
    report: () => {},
    ...options,
  });
}
