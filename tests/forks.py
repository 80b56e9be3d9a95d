"""Processes that begin with everything imported that takes long to import, and with nothing computed."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

_SERVER = """
import json, os, sys, traceback
exec(sys.argv[1])
for line in sys.stdin:
    asked = json.loads(line)
    if "wait" in asked:
        print(os.waitstatus_to_exitcode(os.waitpid(asked["wait"], 0)[1]), flush=True)
        continue
    child = os.fork()
    if child:
        print(child, flush=True)
        continue
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in enumerate(asked["said"], 1):
        os.dup2(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND), number)
    code = 1
    try:
        exec(asked["code"], {"__name__": "__main__"})
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(code)
"""


class Forks:
    """A process that has run some code, imports as a rule, and forks others.

    Args:
        code: is run once.
        cwd: where it and all others are.
    """

    def __init__(self, code: str, cwd: Path) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-P", "-c", _SERVER, code],
            cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._waiting = 0

    def __enter__(self) -> "Forks":
        return self

    def __exit__(self, *error: object) -> None:
        self._server.stdin.close()
        self._server.stdout.close()
        self._server.wait()

    def start(self, code: str, said: Path, errors: Path | None = None) -> int:
        """The number of a process that runs this; what it prints is added to these files."""
        self._tell({"code": code, "said": [str(said), str(errors or said)]})
        return int(self._server.stdout.readline())

    def ended(self, process: int, seconds: float) -> int | None:
        """The exit code, once it has ended; None where it has not within so many seconds. Nothing else can be
        asked for before it has."""
        if self._waiting != process:
            self._tell({"wait": process})
            self._waiting = process
        if not select.select([self._server.stdout], [], [], seconds)[0]:
            return None
        self._waiting = 0
        return int(self._server.stdout.readline())

    def wait(self, process: int, seconds: float = 120.0) -> int:
        """The exit code; a process that takes longer is killed."""
        code = self.ended(process, seconds)
        if code is None:
            os.kill(process, signal.SIGKILL)
            code = self.ended(process, 10.0)
        assert code is not None, process
        return code

    def _tell(self, asked: dict) -> None:
        print(json.dumps(asked), file=self._server.stdin, flush=True)
