/** The process behind `npm run conformance`. */
import { complain } from '../cli/say.ts';
import { dispatch } from './dispatch.ts';

try {
  process.exitCode = await dispatch(process.argv.slice(2));
} catch (error) {
  complain(`conformance: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
