import { chmodSync, lstatSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { UnusableFileError } from '../../files/regularFile.ts';
import { type ControlRequest, type ControlResponse, REQUEST_BYTES_MAX, requestSchema } from './protocol.ts';

/** A client that has connected and says nothing is dropped after this, ms. */
const REQUEST_MS_MAX = 10_000;
/** How long answers that are under way may take to leave once the server is closed, ms. */
const CLOSE_MS_MAX = 500;

export interface ControlServer {
  /** Ends it once the answers that are under way have left, or have had time to. */
  close(): Promise<void>;
}

/**
 * Answers requests at the Unix socket `path`, each with what `handle` resolves with or the message it fails with. Throws
 * UnusableFileError where something other than a socket is there.
 */
export async function serveControl(
  path: string,
  handle: (request: ControlRequest) => Promise<unknown>,
): Promise<ControlServer> {
  removeSocket(path);
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    readLine(socket)
      .then((line) => (line === undefined ? undefined : answer(line, handle)))
      .then((response) => (response === undefined ? socket.destroy() : socket.end(`${JSON.stringify(response)}\n`)))
      .catch(() => socket.destroy());
  });
  await new Promise<void>((done, fail) => {
    server.once('error', fail);
    server.listen(path, () => {
      server.off('error', fail);
      done();
    });
  });
  chmodSync(path, 0o600);
  return {
    close: () =>
      new Promise((done) => {
        const timer = setTimeout(() => {
          for (const socket of sockets) socket.destroy();
        }, CLOSE_MS_MAX);
        server.close(() => {
          clearTimeout(timer);
          done();
        });
      }),
  };
}

/** The claim on the cluster's folder is ours, so whoever listened here has ended. */
function removeSocket(path: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isSocket()) throw new UnusableFileError(path, 'is in the way', 'the socket of a supervisor, or nothing');
  rmSync(path, { force: true });
}

async function answer(line: string, handle: (request: ControlRequest) => Promise<unknown>): Promise<ControlResponse> {
  try {
    const request = requestSchema.safeParse(JSON.parse(line));
    if (!request.success) {
      const issue = request.error.issues[0]!;
      return { ok: false, error: `bad request: ${issue.path.join('.')}: ${issue.message}` };
    }
    return { ok: true, value: await handle(request.data) };
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error.message : String(error) };
  }
}

/** The first line a client sends; undefined where it sends none, or too long a one. */
function readLine(socket: Socket): Promise<string | undefined> {
  return new Promise((done) => {
    let text = '';
    socket.setEncoding('utf8');
    socket.setTimeout(REQUEST_MS_MAX, () => done(undefined));
    socket.on('data', (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end < 0 && text.length <= REQUEST_BYTES_MAX) return;
      socket.setTimeout(0);
      done(end < 0 ? undefined : text.slice(0, end));
    });
    socket.on('end', () => done(undefined));
    socket.on('close', () => done(undefined));
  });
}
