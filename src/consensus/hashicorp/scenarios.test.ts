import { describeTranscripts } from '../testing/transcripts.suite.ts';
import { Script } from './testing/script.ts';

describeTranscripts(new URL('./testdata/', import.meta.url), () => {
  const script = new Script();
  return (commands) => commands.flatMap((line) => script.execute(line));
});
