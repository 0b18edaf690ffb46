/** A seed that once failed, and what it found. It is run by every test. */
export interface Regression {
  readonly engine: string;
  readonly seed: number;
  readonly found: string;
}

/**
 * Seeds keep their meaning only while plans are drawn in the same way: a change of plan.ts makes other worlds of
 * them. What each found is therefore also covered by a test of the unit that was wrong. All were found by clients that
 * were written for the simulator, before it ran the library's: the library's other traffic has made other worlds of them.
 */
export const REGRESSIONS: readonly Regression[] = [
  {
    engine: 'gorums',
    seed: 191,
    found: 'a server that an uncommitted change removed never stood again, while its log alone could win',
  },
  {
    engine: 'gorums',
    seed: 428,
    found: 'the same, in a cluster that shrinks more than once',
  },
  {
    engine: 'gorums',
    seed: 6000270,
    found:
      'a follower got one message of what it lacked per heartbeat, and a new leader that needed it served too late',
  },
  {
    engine: 'hashicorp',
    seed: 6000593,
    found: 'a prepared change took effect in the turn that committed what was before it, ahead of its being handed out',
  },
  {
    engine: 'etcd',
    seed: 7000286,
    found:
      'a request for admission that came twice: the leader waited for ever for the second answer to be used, and heard nothing of the server',
  },
  {
    engine: 'etcd',
    seed: 7001265,
    found: 'what a process with a wrong folder had against a server still counted when another one said the same later',
  },
  {
    engine: 'gorums',
    seed: 640111080008,
    found:
      'a server that lost its folder asked a former leader for admission, for ever, because removed servers named that one',
  },
  {
    engine: 'hashicorp',
    seed: 9000027,
    found:
      'no fault of the engine: a former leader said that its change was done when the next one of its successor was already in its log',
  },
  {
    engine: 'etcd',
    seed: 9100111,
    found:
      'one of two was removed by the other alone before it was sure to know that the two were all: it and one removed before elected a leader without what was committed since',
  },
  {
    engine: 'etcd',
    seed: 9101886,
    found:
      'the same, after an addition: one of four was removed by two before the four were sure to know that they are four',
  },
  {
    engine: 'etcd',
    seed: 9100292,
    found: 'no fault of the engine: a server lost its folder that was about to become one of two voters',
  },
  {
    engine: 'etcd',
    seed: 9204761,
    found:
      'no fault of the engine: what a server acknowledged was replaced by a later leader before the acknowledgement left',
  },
  {
    engine: 'gorums',
    seed: 9400001,
    found:
      'no fault of the engine: a late request for admission of a folder that was gone was taken, and ended the server that had been admitted since',
  },
  {
    engine: 'etcd',
    seed: 9500478,
    found: 'a read that waited for the other one of two was answered by nobody once that one was removed',
  },
  {
    engine: 'etcd',
    seed: 10003778,
    found:
      'no fault of the engine: one of three stayed away while the leader was being removed, and the other one alone was no majority of two',
  },
  {
    engine: 'etcd',
    seed: 10005526,
    found:
      'no fault of the engine: a removal was committed by those whom it leaves, and somebody looked before it was applied',
  },
  {
    engine: 'hashicorp',
    seed: 11007798,
    found: 'no fault of the engine: those who stay away were chosen while nobody led, and were four of six voters',
  },
  {
    engine: 'gorums',
    seed: 12000289,
    found:
      'no fault of the engine: a server joined a cluster whose founder had lost its folder since, though it had told the next founder that it was new',
  },
  {
    engine: 'etcd',
    seed: 17000995,
    found:
      'a leader that was silent for want of answers sent a heartbeat in the turn in which it stepped down, for which the others waited once more',
  },
  {
    engine: 'gorums',
    seed: 20000035,
    found:
      'the same as 9400001, of a server that was starting again: the others refused it, and with one more folder lost nobody could lead',
  },
];
