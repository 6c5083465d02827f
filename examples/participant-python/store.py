#!/usr/bin/env python3
"""Documents over HTTP, in a SQLite file that all shards share: a backend that takes part in handoffs by itself (README.md says how to run it).

    PUT    /docs/KEY          write a document
    GET    /docs/KEY          read it
    POST   /keyway/STEP       what the agent calls: see participant.py
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
        except ConnectionError:
            pass  # A client that goes does not say goodbye.

    def do_GET(self):
        if self.path == "/healthz":
            self.answer(200, b"ok\n")
        else:
            self.serve("get", get)

    def do_PUT(self):
        value = self.content()
        self.serve("put", lambda key, entry: put(key, entry, value), value)

    def do_POST(self):
        call = json.loads(self.content())
        status, reply = participant.take(urlsplit(self.path).path.removeprefix("/keyway/"), call)
        self.answer(status, json.dumps(reply).encode())

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
                log(operation, key, begun, (body if operation == "get" else value).decode())
            finally:
                participant.end(entry)
            self.answer(200, body)
        except Refused as refused:
            headers = {"x-keyway-stale": str(refused.stale)} if refused.stale > 0 else {}
            self.answer(refused.status, f"{refused}\n".encode(), headers)

    def content(self):
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def answer(self, status, body, headers={}):
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def log(operation, key, begun, value):
    """What was served, and when, for whoever wants to check it."""
    if options.log is not None:
        line = {"key": key, "operation": operation, "begun": begun, "ended": time.time(), "value": value}
        with open(options.log, "a", buffering=1) as file:
            file.write(json.dumps(line) + "\n")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", default="docs.sqlite")
    parser.add_argument("--log", help="a file that what was served is written to")
    parser.add_argument("--work", type=float, default=0, help="seconds that each request takes besides")
    options = parser.parse_args()
    database().execute("PRAGMA journal_mode = WAL")
    database().execute(SCHEMA)
    Server(("127.0.0.1", options.port), Handler).serve_forever()
