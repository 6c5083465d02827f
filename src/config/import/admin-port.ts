/** Where the admin address is by default; the next one is taken where something else listens there. */
const ADMIN_PORT = 9901;

/** Where the admin address can be beside listeners at these ports; null: where it is by default. */
export function freeAdminPort(ports: ReadonlySet<number>): number | null {
  let port = ADMIN_PORT;
  while (ports.has(port)) port++;
  return port === ADMIN_PORT ? null : port;
}
