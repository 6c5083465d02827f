/** Nodes that register themselves, or are registered by a sidecar, which has their housekeeping called; or take part in handoffs by themselves. */
export {
  callHousekeeping,
  HousekeepingClient,
  type NodeHousekeepingSettings,
  nodeHousekeepingSchema,
} from './housekeeping/index.ts';
export {
  type AskSettings,
  askedAt,
  isServedPlace,
  Participant,
  type ParticipantOptions,
  type ParticipantSettings,
  participantUrl,
} from './participant/index.ts';
export { type NodeOptions, type NodeSurroundings, type RegisteredNode, registerNode } from './register-node.ts';
export { type ShardOptions, type ShardSurroundings, type TakingPart, takePart } from './take-part.ts';
