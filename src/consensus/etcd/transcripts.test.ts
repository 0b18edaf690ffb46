import { InteractionScript } from '../../conformance/etcdRaft/interactionScript.ts';
import { parseScript } from '../../conformance/etcdRaft/script.ts';
import { describeTranscripts } from '../testing/transcripts.suite.ts';

/** In the form of etcd-io/raft's own scripts, with nodes that have the options of `rkvd` (`SERVED`). */
describeTranscripts(new URL('./testdata/', import.meta.url), () => {
  const script = new InteractionScript();
  return (commands) =>
    parseScript([...commands, '----', ''].join('\n')).flatMap((step) => script.run(step).split('\n'));
});
