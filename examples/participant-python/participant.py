"""A backend's own part in handoffs, from Python's own library alone: what docs/participant.md asks for. Copy it into your backend."""
import http.client
import json
import secrets
import threading
import time
from urllib.parse import urlsplit

# How long a request waits for what this process is about to be told.
PATIENCE = 2.0
PAUSE = 0.02
# What one question takes: escaped as JSON, the names of the keys may be six times as long.
MOST_KEYS = 10_000
MOST_KEY_BYTES = 1 << 20


def clock_ms():
    """This process's own clock: nobody sets it."""
    return time.monotonic() * 1000


class Refused(Exception):
    """A request that this shard does not serve. `stale` is the version by which another one does, or 0."""

    def __init__(self, status, text, stale=0):
        super().__init__(text)
        self.status, self.stale = status, stale


class Entry:
    """A key that is this shard's own, with what the backend keeps in memory for it."""

    def __init__(self, token):
        # Shown with every write for the key: a store refuses what an earlier owner writes too late.
        self.token = token
        self.value = None
        # Serialises work on the key.
        self.lock = threading.Lock()
        # Requests under way, and whether the key leaves.
        self.busy = 0
        self.leaving = False


class Participant:
    """Which keys may be served now. `begin` and `end` enclose every request; `take` is told each step of a change."""

    def __init__(self):
        self.backend = secrets.token_hex(8)
        self.agent, self.sequence, self.step = "", 0, 0
        self.version, self.token, self.until, self.ask = 0, 0, 0.0, ""
        self.entries = {}
        # Guards all of the above, and is notified whenever it changes.
        self.changed = threading.Condition()

    # ---- requests ----------------------------------------------------------------------------------------------------

    def serves(self):
        """Whether it may still serve, by the clock: to be asked again before the answer to a read goes out."""
        return clock_ms() < self.until

    def begin(self, key, asked_by):
        """Counts a request as under way. `asked_by`: the router's version, or 0. Returns the key's entry, to be given to `end`."""
        deadline = time.monotonic() + PATIENCE
        while True:
            with self.changed:
                self._wait_until_serving(asked_by, deadline)
                entry = self.entries.get(key)
                if entry is not None and not entry.leaving:
                    entry.busy += 1
                    return entry
            answer = self._asked([key])
            with self.changed:
                # An answer from before the last call is past.
                if answer is not None and answer["sequence"] >= self.sequence:
                    (lost_by,) = answer["lostBy"]
                    if lost_by > 0:
                        raise Refused(421, "the key is another shard's", lost_by)
                    if lost_by < 0:
                        raise Refused(503, "nobody is known to have the key")
                    entry = self.entries.setdefault(key, Entry(self.token))
                    if self.serves() and not entry.leaving:
                        entry.busy += 1
                        return entry
            if time.monotonic() > deadline:
                raise Refused(503, "it is not known whose the key is")
            time.sleep(PAUSE)

    def end(self, entry):
        with self.changed:
            entry.busy -= 1
            self.changed.notify_all()

    def _wait_until_serving(self, asked_by, deadline):
        while not self.serves() or asked_by > self.version:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Refused(503, "this shard may not serve now")
            self.changed.wait(left)

    # ---- steps of a change -------------------------------------------------------------------------------------------

    def take(self, step, call):
        """Does what the agent asks for. Returns the status and the answer."""
        is_first = call["backend"] == ""
        with self.changed:
            is_meant = is_first or (call["backend"] == self.backend and call["agent"] == self.agent)
            if not is_meant or (call["agent"] == self.agent and call["sequence"] <= self.sequence):
                return 409, self._reply()
            self.agent, self.sequence, self.ask = call["agent"], call["sequence"], call["ask"]
            self.version, self.token, self.until = call["version"], call["token"], call["serveUntilMs"]
            if is_first or step != "serve":
                self.step = self.sequence
            self.changed.notify_all()
        is_done = True
        if is_first:
            is_done = self._drop(call["sequence"], lambda entry: True)
        elif step == "hold":
            is_done = self._hold(call["sequence"])
        elif step == "abort":
            self._stay()
        elif step == "drop":
            is_done = self._drop(call["sequence"], lambda entry: entry.leaving)
        with self.changed:
            return 200 if is_done else 409, self._reply()

    def _reply(self):
        return {"backend": self.backend, "agent": self.agent, "clockMs": clock_ms()}

    def _hold(self, step):
        """What leaves is refused from now on. Returns once none of it is under way; false once another step has come."""
        with self.changed:
            keys = list(self.entries)
        lost = []
        for part in pages(keys):
            answer = self._asked(part)
            while answer is None or answer["sequence"] < step:
                time.sleep(PAUSE)
                if self.step != step:
                    return False
                answer = self._asked(part)
            lost += [key for key, by in zip(part, answer["lostBy"]) if by != 0]
        with self.changed:
            if self.step != step:
                return False
            leaving = [self.entries[key] for key in lost if key in self.entries]
            for entry in leaving:
                entry.leaving = True
            return self._over(leaving, step)

    def _over(self, entries, step):
        """Waits until nothing is under way for these. False once another step has come, whose call waits itself."""
        while any(entry.busy > 0 for entry in entries) and self.step == step:
            self.changed.wait(PATIENCE)
        return self.step == step

    def _stay(self):
        with self.changed:
            for entry in self.entries.values():
                entry.leaving = False

    def _drop(self, step, goes):
        with self.changed:
            going = [entry for entry in self.entries.values() if goes(entry)]
            for entry in going:
                entry.leaving = True
            if not self._over(going, step):
                return False
            self.entries = {key: entry for key, entry in self.entries.items() if not entry.leaving}
            return True

    def _asked(self, keys):
        """What the agent says of keys; None: ask again."""
        where = urlsplit(self.ask)
        connect = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
        connection = connect(where.hostname, where.port, timeout=PATIENCE)
        try:
            headers = {"content-type": "application/json"}
            connection.request("POST", where.path, json.dumps({"keys": keys}), headers)
            response = connection.getresponse()
            body = response.read()
            return json.loads(body) if response.status == 200 else None
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()


def pages(keys):
    """The keys in parts, each for one question."""
    part, size = [], 0
    for key in keys:
        size += len(key.encode())
        if part and (len(part) == MOST_KEYS or size > MOST_KEY_BYTES):
            yield part
            part, size = [], len(key.encode())
        part.append(key)
    if part:
        yield part
