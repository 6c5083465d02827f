/**
 * Options of every gRPC channel that Keyway opens. What it calls, registries, shards and routers, is beside it: gRPC's own client would ask the
 * proxy that `http_proxy` names for them, for those on loopback as well.
 */
export const DIRECT_CHANNEL = { 'grpc.enable_http_proxy': 0 } as const;
