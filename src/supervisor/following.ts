const POLL_MS = 200;

/** Looks again and again until it is interrupted. */
export async function untilInterrupted(
  onInterrupt: (interrupt: () => void) => () => void,
  look: () => void,
): Promise<void> {
  let isOver = false;
  let wake = () => {};
  const stopListening = onInterrupt(() => {
    isOver = true;
    wake();
  });
  try {
    while (!isOver) {
      await new Promise<void>((done) => {
        wake = done;
        setTimeout(done, POLL_MS);
      });
      look();
    }
  } finally {
    stopListening();
  }
}
