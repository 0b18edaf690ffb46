/**
 * A server may keep several replicated logs, each a Raft group of its own among the same servers; frames between peers and keys on
 * disk say which one they belong to. Today there is one.
 */
export const THE_GROUP = 0;
/** Of a group's number, in a frame 4 bytes. */
export const GROUP_MAX = 0xffff_ffff;
