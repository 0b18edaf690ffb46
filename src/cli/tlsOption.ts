import { Option } from 'commander';

/** For what starts servers of its own: whether everybody shows a certificate, which are made for it. */
export function tlsOption(): Option {
  return new Option('--tls', 'servers and clients prove to each other who they are');
}
