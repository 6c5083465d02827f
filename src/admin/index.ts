/** What people and monitors see of a router. */
export { AdminServer, type AdminSource } from './admin-server.ts';
export { type Answer, json, text } from './answer.ts';
export { GuardedServer, type Method, type Question, type ShownCertificate } from './guarded-server.ts';
export { renderTraffic } from './metrics.ts';
export { MetricsServer } from './metrics-server.ts';
export { type ProcessVitals, renderProcess } from './process-metrics.ts';
export type { AdminReloads, ReloadOutcome, ReloadResult } from './reloads.ts';
