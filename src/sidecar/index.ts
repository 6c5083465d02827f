/** A sidecar: has a backend that knows nothing of Keyway take part in handoffs. */
export { egressSettings, egressUpstream } from './egress-settings.ts';
export { type BackendDescription, Sidecar, type SidecarOptions } from './sidecar.ts';
