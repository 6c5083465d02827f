/** Active checks of health: whether the server at an address is well. Knows no request. */
export { type ActiveHealthDescription, HealthChecker } from './health-check.ts';
