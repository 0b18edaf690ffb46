import type { Duplex } from 'node:stream';
import { type Notice, NoticeReader } from '../../wire/supervision.ts';

/**
 * Tells `heard` of each notice that a server sends on its supervisor's pipe; null: there is none. Resolves once nothing more can
 * come. A server that ends while we hold the pipe resets it, which is no news.
 */
export function readNotices(pipe: Duplex | null, heard: (notice: Notice) => void): Promise<void> {
  if (pipe === null) return Promise.resolve();
  const reader = new NoticeReader();
  pipe.setEncoding('utf8').on('data', (text: string) => reader.push(text).forEach(heard));
  return new Promise((done) => {
    pipe.on('error', () => done());
    pipe.once('close', () => done());
  });
}
