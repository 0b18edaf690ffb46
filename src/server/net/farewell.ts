import type { Socket } from 'node:net';

/**
 * Ends a connection with last words, which the other end has `lingerMs` to read. What is still under way is read and dropped: closed
 * unread, the connection would be reset before the words are there.
 */
export function farewell(socket: Socket, words: Buffer | string, lingerMs: number): void {
  socket.resume();
  socket.end(words);
  setTimeout(() => socket.destroy(), lingerMs).unref();
}
