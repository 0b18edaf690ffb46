import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CpuRecording, keepFunctionsApart } from './cpuRecording.ts';
import { APART_VARIABLE, FOLDER_VARIABLE, INTERVAL_VARIABLE, PROFILE_SIGNAL, recorderFiles } from './recorderFiles.ts';

/**
 * Loaded into a process before its program (`NODE_OPTIONS=--import`): at the first signal a recording begins, at the second one it ends and its
 * profile is written. Files of the process in a folder say how far it is, each one whole or not there.
 */
const folder = process.env[FOLDER_VARIABLE];
if (folder !== undefined) {
  if (process.env[APART_VARIABLE] === '1') keepFunctionsApart();
  const files = recorderFiles(folder, process.pid);
  const recording = new CpuRecording();
  const write = (path: string, text: string) => {
    const unfinished = join(folder, `${process.pid}.unfinished`);
    writeFileSync(unfinished, text);
    renameSync(unfinished, path);
  };
  const steps = [
    async () => {
      await recording.begin(Number(process.env[INTERVAL_VARIABLE]));
      write(files.begun, '');
    },
    async () => write(files.profile, JSON.stringify(await recording.end())),
  ];
  process.on(PROFILE_SIGNAL, () => void steps.shift()?.());
  write(files.ready, JSON.stringify(process.argv));
}
