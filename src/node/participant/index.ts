/** Backends that take part in handoffs by themselves, and are called for it. */
export { Participant, type ParticipantOptions } from './participant.ts';
export { type AskSettings, askedAt, isServedPlace, type ParticipantSettings, participantUrl } from './settings.ts';
