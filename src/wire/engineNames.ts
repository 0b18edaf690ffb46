/** The consensus engines, by the names that `-backend`, cluster files, statuses and servers' introductions use. */
export const ENGINE_NAMES = ['gorums', 'etcd', 'hashicorp'] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];
