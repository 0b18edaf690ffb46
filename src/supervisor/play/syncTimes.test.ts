import { expect, it } from 'vitest';
import { medianSpread, syncTimesIn } from './syncTimes.ts';

const METRICS = `# TYPE raft_server_io_write summary
raft_server_io_write{quantile="0.5"} 0.0005
raft_server_io_write{quantile="0.9"} 0.001
raft_server_io_write{quantile="0.99"} 0.002
raft_server_io_write{quantile="0.999"} 0.03
raft_server_io_write_sum 1.5
`;

it('sync times are read from the metrics of a server that has written', () => {
  expect(syncTimesIn(METRICS)).toEqual([0.5, 1, 2, 30]);
  expect(syncTimesIn(METRICS.replaceAll(/ 0\..*$/gm, ' NaN'))).toBeUndefined();
  expect(syncTimesIn('')).toBeUndefined();
});

it('several servers are taken together by their medians', () => {
  expect(
    medianSpread([
      [1, 2, 3, 9],
      [2, 4, 6, 8],
      [3, 3, 9, 9],
    ]),
  ).toEqual([2, 3, 6, 9]);
  expect(medianSpread([])).toBeUndefined();
});
