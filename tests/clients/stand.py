"""A client in a process and an environment of its own, which is asked one case at a time."""

import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent.parent / ".venv-clients"
REQUIRED = os.environ.get("ROUTOR_TEST_CLIENTS") == "required"
MISSING = "is not installed: run `make clients`"
PATIENCE_S = 300  # with an import on a busy machine

MODELS = [
    "auto",
    "openai/gpt-5.5",
    "anthropic/claude-sonnet-4.6",
    "google/gemini-3.5-flash",
    "mistral/mistral-large-3",
]
THINKERS = MODELS[1:-1]


class Client:
    """Answers what a case of the client returned; raises with its traceback when it raised."""

    def __init__(self, command: list[str], environ: dict[str, str]) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        self._process = subprocess.Popen(
            command,
            env={**kept, **environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, case: str, **given):
        late = threading.Timer(PATIENCE_S, self._process.kill)
        late.start()
        self._process.stdin.write(json.dumps({"case": case, "given": given}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        late.cancel()
        assert line, f"the client has ended without a word about {case}"
        reply = json.loads(line)
        assert "raised" not in reply, reply["raised"]
        return reply["told"]

    def stop(self) -> None:
        self._process.stdin.close()
        self._process.wait(30)


def command(name: str) -> list[str]:
    """Return what starts a client; skip, or fail where clients are required, without it."""
    if name == "vercel":
        node = shutil.which("node")
        ready = node and (HERE / "vercel/node_modules/built").exists()
        argv = [node or "", str(HERE / "vercel/cases.mjs")]
    else:
        python = ENVIRONMENTS / name / "bin/python"
        ready = (ENVIRONMENTS / name / "built").exists()
        argv = [str(python), "-I", str(HERE / "runner.py"), str(HERE / name / "cases.py")]
    if not ready:
        needs = ", which needs Node" if name == "vercel" else ""
        missing = f"the client {name} {MISSING}{needs}"
        assert not REQUIRED, missing
        pytest.skip(missing)
    return argv
