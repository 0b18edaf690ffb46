import { checkValue, type FileKind, parseFile } from '../../yaml/checked.ts';
import { FileContentError } from '../../yaml/problems.ts';
import { type ClusterConfig, clusterSchema, knownKeys } from './schema.ts';

/** A cluster's settings are wrong. */
export class ClusterConfigError extends FileContentError {
  override readonly name = 'ClusterConfigError';
}

const CLUSTER_FILE: FileKind<ClusterConfig> = {
  schema: clusterSchema,
  knownKeys,
  beginning: 'keys such as "nodes: 3" and "backend: gorums"',
  error: (source, problems) => new ClusterConfigError(source, problems),
};

/** Checks settings that a program made. Throws ClusterConfigError. */
export function checkClusterConfig(value: unknown, source = 'cluster settings'): ClusterConfig {
  return checkValue(value, source, CLUSTER_FILE);
}

/** Parses and checks a cluster file's text; `source` is its name in messages. Throws ClusterConfigError. */
export function parseClusterFile(text: string, source: string): ClusterConfig {
  return parseFile(text, source, CLUSTER_FILE);
}
