/** What is asked, and what is made of the answers: gRPC, Connect, plain HTTP. */
export type { Answer, AnswerFields, AnswerMessage, MessageListener } from './answer.ts';
export { CallError } from './call-error.ts';
export type { SchemaSource } from './descriptors.ts';
export { prepareCalls } from './prepare.ts';
export { type CallSurroundings, PreparedCall } from './prepared-call.ts';
export { reflectedFiles } from './reflection.ts';
export { type CallSettings, callSchema, type LoadPlanFile, planSchema } from './settings.ts';
export { TemplateError, type TemplateValues } from './template.ts';
