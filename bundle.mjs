// Makes dist/programs/ of what the compiler made: each command as one file, and what they share in others. A server loads a
// score of files then in place of six hundred, and starts in half the time.
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';

await build({
  cwd: fileURLToPath(new URL('.', import.meta.url)),
  input: {
    rkvd: 'dist/server/main.js',
    rkvctl: 'dist/client/rkvctl/main.js',
    'rkv-cluster': 'dist/supervisor/main.js',
    'rkv-bench': 'dist/bench/main.js',
  },
  platform: 'node',
  // What has a binary, what evaluates `require`, and what is large and seldom wanted.
  external: ['level', 'hdr-histogram-js', /^echarts/],
  logLevel: 'silent',
  output: { dir: 'dist/programs', format: 'esm', chunkFileNames: '[name].js', sourcemap: true },
});
