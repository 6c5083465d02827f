/** Active checks of health: whether somebody who listens somewhere is well. Knows no request. */
export { type ActiveHealthDescription, HealthChecker } from './health-check.ts';
