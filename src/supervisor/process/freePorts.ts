import { createServer, type Server } from 'node:net';

/**
 * Takes `count` different free TCP ports of 127.0.0.1 from the operating system and lets go of them again. Another process
 * may take one before it is used: a caller has to be ready to try again.
 */
export async function takeFreePorts(count: number): Promise<number[]> {
  const opened = await Promise.allSettled(Array.from({ length: count }, () => listenOn(0)));
  const servers = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  // All are held until the last is known, or one could be handed out twice.
  await Promise.all(servers.map(close));
  for (const one of opened) if (one.status === 'rejected') throw one.reason;
  return ports;
}

/** Whether somebody could listen at a port of 127.0.0.1 now. */
export async function isPortFree(port: number): Promise<boolean> {
  try {
    await close(await listenOn(port));
    return true;
  } catch {
    return false;
  }
}

/** At `port` of 127.0.0.1; 0: at any. */
function listenOn(port: number): Promise<Server> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => done(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((done) => server.close(() => done()));
}
