/** Leads clusters whose servers do not decide by themselves: probes them, and has replicas take over. To add a kind of servers, write a folder in `engines/`. */
export { type ControllerLog, controllerElection, runController } from './controller.ts';
export {
  type ControllerSettings,
  controllerSchema,
  type LedClusterSettings,
  loadControllerSettings,
  parseControllerSettings,
} from './settings.ts';
