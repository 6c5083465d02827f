#!/usr/bin/env python3
"""Notes by project, over HTTP, from Python's own library alone: a backend whose housekeeping `keyway node` calls.

    keyway node register --cluster notes --shard s0 --address 127.0.0.1:9301 \
        --health http --path /healthz --housekeeping housekeeping.yaml \
        -- python3 notes.py --port 9301 --data notes.sqlite

    PUT    /notes/PROJECT/NOTE?ttl=SECONDS   write a note; the shard key is PROJECT/NOTE
    GET    /notes/PROJECT/NOTE               read it
    GET    /housekeeping/projects            which projects there are
    POST   /housekeeping/run                 carry a task out: the part that an author of a backend writes
"""
import argparse
import json
import sqlite3
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

SCHEMA = """
CREATE TABLE IF NOT EXISTS notes (project TEXT, note TEXT, text TEXT, expires REAL, PRIMARY KEY (project, note));
CREATE TABLE IF NOT EXISTS tokens (project TEXT PRIMARY KEY, token INTEGER NOT NULL);
"""
# How many notes one step looks at: between two steps a run can be stopped.
STEP = 100


class StaleToken(Exception):
    """The store knows a later token: somebody else carries this project's tasks out now."""


def connect():
    return sqlite3.connect(options.data, timeout=10, isolation_level=None)


def fence(database, project, token):
    """Inside the transaction of every write of housekeeping: refuses a smaller token than was seen."""
    seen = database.execute("SELECT token FROM tokens WHERE project = ?", (project,)).fetchone()
    if seen is not None and seen[0] > token:
        raise StaleToken
    database.execute("INSERT OR REPLACE INTO tokens VALUES (?, ?)", (project, token))


def expire(request):
    """Deletes notes whose time is over, a step at a time; tells after each how far it has come."""
    project, token, after = request["project"], request["token"], request["cursor"]
    candidates = changed = 0
    database = connect()
    try:
        while candidates < request["candidates"] and time.time() * 1000 < request["deadlineMs"]:
            limit = min(STEP, request["candidates"] - candidates)
            database.execute("BEGIN IMMEDIATE")
            try:
                fence(database, project, token)
                notes = database.execute(
                    "SELECT note, expires FROM notes WHERE project = ? AND note > ? ORDER BY note LIMIT ?",
                    (project, after, limit),
                ).fetchall()
                expired = [(project, note) for note, expires in notes if expires is not None and expires <= time.time()]
                database.executemany("DELETE FROM notes WHERE project = ? AND note = ?", expired)
                database.execute("COMMIT")
            except BaseException:
                database.execute("ROLLBACK")
                raise
            candidates += len(notes)
            changed += len(expired)
            done = len(notes) < limit
            after = "" if done else notes[-1][0]
            yield {"cursor": after, "done": done, "candidates": candidates, "changed": changed}
            if done:
                return
    finally:
        database.close()


TASKS = {"expire": expire}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle(self):
        try:
            super().handle()
        except ConnectionResetError:
            pass  # Whoever asks for health does not say goodbye.

    def do_GET(self):
        path = urlsplit(self.path).path
        if path == "/healthz":
            self.answer(200, b"ok\n")
        elif path == "/housekeeping/projects":
            database = connect()
            projects = [row[0] for row in database.execute("SELECT DISTINCT project FROM notes ORDER BY project")]
            database.close()
            self.answer(200, json.dumps({"projects": projects}).encode())
        elif path.startswith("/notes/"):
            self.read_note(*self.note_of(path))
        else:
            self.answer(404, b"there are /notes, /housekeeping, /healthz\n")

    def do_PUT(self):
        parts = urlsplit(self.path)
        text = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        if not parts.path.startswith("/notes/"):
            self.answer(404, b"there is /notes\n")
            return
        project, note = self.note_of(parts.path)
        ttl = parse_qs(parts.query).get("ttl")
        expires = None if ttl is None else time.time() + float(ttl[0])
        database = connect()
        database.execute("INSERT OR REPLACE INTO notes VALUES (?, ?, ?, ?)", (project, note, text, expires))
        database.close()
        self.answer(200, b"written\n")

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        task = TASKS.get(request.get("task"))
        if urlsplit(self.path).path != "/housekeeping/run" or task is None:
            self.answer(404, f"there is no task {request.get('task')}\n".encode())
            return
        steps = task(request)
        try:
            first = next(steps, None)
        except StaleToken:
            self.answer(409, b"the token is past\n")
            return
        # A line for each step, so that what is done is known should the rest not come.
        self.send_response(200)
        self.send_header("content-type", "application/x-ndjson")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        while first is not None:
            line = json.dumps(first).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            first = next(steps, None)
        self.wfile.write(b"0\r\n\r\n")

    def note_of(self, path):
        _, _, project, note = path.split("/", 3)
        return unquote(project), unquote(note)

    def read_note(self, project, note):
        database = connect()
        row = database.execute("SELECT text FROM notes WHERE project = ? AND note = ?", (project, note)).fetchone()
        database.close()
        if row is None:
            self.answer(404, b"there is no such note\n")
        else:
            self.answer(200, row[0].encode())

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", default="notes.sqlite")
    options = parser.parse_args()
    setup = connect()
    setup.execute("PRAGMA journal_mode = WAL")
    setup.executescript(SCHEMA)
    setup.close()
    ThreadingHTTPServer(("127.0.0.1", options.port), Handler).serve_forever()
