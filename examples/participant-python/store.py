#!/usr/bin/env python3
"""Documents over HTTP, in a SQLite file that all shards share: a backend that takes part in handoffs by itself (README.md says how to run it).

    PUT    /docs/KEY          write a document
    GET    /docs/KEY          read it

What the agent calls (see participant.py) has a port of its own, on loopback: clients of the router must not reach it.
"""
import argparse
import json
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from participant import Participant, Refused

SCHEMA = "CREATE TABLE IF NOT EXISTS documents (key TEXT PRIMARY KEY, value BLOB, token INTEGER NOT NULL)"
# A later owner's token stays: what an earlier one writes too late changes no row.
CLAIM = """INSERT INTO documents VALUES (:key, NULL, :token)
           ON CONFLICT (key) DO UPDATE SET token = :token WHERE token <= :token"""
WRITE = "UPDATE documents SET value = :value, token = :token WHERE key = :key AND token <= :token"

# Of a content.
MOST_BYTES = 1 << 20

participant = Participant()
local = threading.local()


def database():
    if not hasattr(local, "database"):
        local.database = sqlite3.connect(options.data, timeout=10, isolation_level=None)
    return local.database


def stored(statement, **values):
    """Writes with the token of this shard, or fails where a later owner has been there."""
    if database().execute(statement, values).rowcount == 0:
        raise Refused(503, "another shard has the key by now")


def load(key, entry):
    """Into memory, once. The token is claimed first, so that no earlier owner can write any more."""
    if entry.value is None:
        stored(CLAIM, key=key, token=entry.token)
        (value,) = database().execute("SELECT value FROM documents WHERE key = ?", (key,)).fetchone()
        entry.value = value or b""


def put(key, entry, value):
    load(key, entry)
    if not participant.serves():
        raise Refused(503, "this shard may not serve now")
    stored(WRITE, key=key, value=value, token=entry.token)
    entry.value = value
    return b"written\n"


def get(key, entry):
    load(key, entry)
    if not participant.serves():
        raise Refused(503, "this shard may not serve now")
    return entry.value


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle(self):
        try:
            super().handle()
        except (ConnectionError, ValueError):
            pass  # A client that goes does not say goodbye; of what is no HTTP nothing can be answered.

    def content(self):
        """All of it, also where its length is not known before (RFC 9112, 7.1)."""
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.read(int(self.headers.get("content-length", 0)))
        content = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            content += self.read(size, len(content))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # Trailers.
        return content

    def read(self, size, before=0):
        if not 0 <= size <= MOST_BYTES - before:
            raise ConnectionError("a content of more than it takes, or of no length")
        return self.rfile.read(size)

    def answer(self, status, body, headers={}):
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class AgentHandler(Handler):
    """What the agent calls: `POST /STEP`."""

    def do_POST(self):
        call = json.loads(self.content())
        status, reply = participant.take(urlsplit(self.path).path.removeprefix("/"), call)
        self.answer(status, json.dumps(reply).encode())


class DocumentHandler(Handler):
    def do_GET(self):
        if self.path == "/healthz":
            self.answer(200, b"ok\n")
        else:
            self.content()  # The next request stands behind it.
            self.serve("get", get)

    def do_PUT(self):
        value = self.content()
        self.serve("put", lambda key, entry: put(key, entry, value), value)

    def serve(self, operation, work, value=b""):
        # By which the router has routed it.
        named = self.headers.get("x-keyway-key")
        key = self.headers.get("x-shard-key", "") if named is None else unquote_to_bytes(named).decode()
        path = urlsplit(self.path).path
        if not path.startswith("/docs/") or unquote(path.removeprefix("/docs/")) != key:
            self.answer(400, b"there is /docs/KEY, where KEY is the shard key\n")
            return
        try:
            entry = participant.begin(key, int(self.headers.get("x-keyway-version", 0)))
            begun = time.time()
            try:
                time.sleep(options.work)
                with entry.lock:
                    body = work(key, entry)
                log(operation, key, begun, body if operation == "get" else value)
            finally:
                participant.end(entry)
            self.answer(200, body)
        except Refused as refused:
            headers = {"x-keyway-stale": str(refused.stale)} if refused.stale > 0 else {}
            self.answer(refused.status, f"{refused}\n".encode(), headers)


def log(operation, key, begun, value):
    """What was served, and when, for whoever wants to check it."""
    if options.log is not None:
        text = value.decode(errors="replace")
        line = {"key": key, "operation": operation, "begun": begun, "ended": time.time(), "value": text}
        with open(options.log, "a", buffering=1) as file:
            file.write(json.dumps(line) + "\n")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--agent-port", type=int, required=True)
    parser.add_argument("--data", default="docs.sqlite")
    parser.add_argument("--log", help="a file that what was served is written to")
    parser.add_argument("--work", type=float, default=0, help="seconds that each request takes besides")
    options = parser.parse_args()
    database().execute("PRAGMA journal_mode = WAL")
    database().execute(SCHEMA)
    agent = Server(("127.0.0.1", options.agent_port), AgentHandler)
    threading.Thread(target=agent.serve_forever, daemon=True).start()
    Server(("127.0.0.1", options.port), DocumentHandler).serve_forever()
