"""Runs a command on a terminal of its own and plays the user.

Standard input: {"argv": [...], "cwd": "...", "steps": [["text to wait for", "what is typed then"], ...]}.
Standard output: {"code": exit code or null, "signal": number or null, "transcript": all that the terminal showed}.
"""

import json
import os
import pty
import select
import signal
import sys

SECONDS = 20


def main():
    request = json.load(sys.stdin)
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(request["cwd"])
        os.execvp(request["argv"][0], request["argv"])
    seen = b""
    for expected, typed in request["steps"]:
        seen, rest = read(pid, terminal, seen, expected.encode())
        if rest is None:
            break
        os.write(terminal, typed.encode())
    seen, _ = read(pid, terminal, seen, None)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    outcome = {"code": status, "signal": None} if status >= 0 else {"code": None, "signal": -status}
    json.dump({**outcome, "transcript": seen.decode("utf-8", "replace")}, sys.stdout)


def read(pid, terminal, seen, expected):
    """Reads on until the expected text came, behind what was expected before, or to the end."""
    start = len(seen)
    while expected is None or expected not in seen[start:]:
        if not select.select([terminal], [], [], SECONDS)[0]:
            os.kill(pid, signal.SIGKILL)
            return seen + b"\n[killed: nothing came]", None
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # Linux: the last process on the terminal is gone.
            return seen, None
        if not chunk:
            return seen, None
        seen += chunk
    return seen, True


main()
