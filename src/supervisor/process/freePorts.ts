import { createServer, type Server } from 'node:net';

/**
 * Takes `count` different free TCP ports of 127.0.0.1 from the operating system and lets go of them again. Another process
 * may take one before it is used: a caller has to be ready to try again.
 */
export async function takeFreePorts(count: number): Promise<number[]> {
  const opened = await Promise.allSettled(Array.from({ length: count }, openOne));
  const servers = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  // All are held until the last is known, or one could be handed out twice.
  await Promise.all(servers.map((server) => new Promise<void>((done) => server.close(() => done()))));
  for (const one of opened) if (one.status === 'rejected') throw one.reason;
  return ports;
}

function openOne(): Promise<Server> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen({ port: 0, host: '127.0.0.1', exclusive: true }, () => done(server));
  });
}
