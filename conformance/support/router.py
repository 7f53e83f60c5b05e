"""The router under test: started as a user would start it, on a port of its own, and ended by its process id."""

import collections
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

READY = re.compile(r"listening on 127\.0\.0\.1:(\d+)")

# Generous, since a machine may be busy building something else; a router starts within milliseconds.
START_TIMEOUT_S = 30


class RouterProcess:
    """A running router. `port` serves every transport; `log` holds the last lines that it printed.

    `ports` are those of all its listeners, in the order of its configuration, which has `listeners` of them.
    """

    def __init__(self, *args: str, listeners: int = 1):
        binary = os.environ.get("CLOVERLEAF_BIN")
        if not binary or not pathlib.Path(binary).is_file():
            raise RuntimeError("CLOVERLEAF_BIN must name the router's binary; `cargo xtask interop` sets it")
        self.log = collections.deque(maxlen=200)
        self.ports = []
        self._listeners = listeners
        self._ready = threading.Event()
        self._process = subprocess.Popen(
            [binary, *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._ready.wait(START_TIMEOUT_S) or len(self.ports) < listeners:
            self.stop()
            raise RuntimeError("the router did not get ready; it said:\n" + "".join(self.log))

    def _read(self):
        for line in self._process.stdout:
            self.log.append(line)
            found = READY.search(line)
            if found and len(self.ports) < self._listeners:
                self.ports.append(int(found.group(1)))
                if len(self.ports) == self._listeners:
                    self._ready.set()
        self._ready.set()

    @property
    def port(self) -> int:
        """Where its first listener is."""
        return self.ports[0]

    @property
    def url(self) -> str:
        """Where its WebSocket is."""
        return f"ws://127.0.0.1:{self.port}/ws"

    def is_running(self) -> bool:
        return self._process.poll() is None

    def terminate(self):
        """Asks it to end, without waiting."""
        self._process.send_signal(signal.SIGTERM)

    def wait(self, timeout_s: float) -> int:
        """Waits for its end and returns the exit status."""
        return self._process.wait(timeout_s)

    def resident_bytes(self) -> int:
        """How much memory it holds now."""
        status = pathlib.Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024

    def stop(self):
        """Ends it, by force if it takes longer than a few seconds."""
        if self.is_running():
            self.terminate()
            deadline = time.monotonic() + 10
            while self.is_running() and time.monotonic() < deadline:
                time.sleep(0.02)
            if self.is_running():
                self._process.kill()
        self._process.wait()
        self._reader.join(5)


DEFAULT_ARGS = ("--listen", "127.0.0.1:0", "--realm", "realm1")
