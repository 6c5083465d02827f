/** The REST interface of a controller, with the paths and bodies of kvrocks-controller. */
export { Api, type ApiProcess } from './api.ts';
export { ApiServer } from './api-server.ts';
export { openApiDocument } from './open-api.ts';
