/** What people and monitors see of a router. */
export { AdminServer } from './admin-server.ts';
