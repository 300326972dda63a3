"""What a newcomer waits: clone, `make up`, first answers of the openai SDK; then `make up` again.

Fails when the first takes over 90 s (with a warm package cache) or the second over 5 s.

    python3 tests/bench/newcomer.py [--keep]
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
FIRST_LIMIT_S = 90.0
SECOND_LIMIT_S = 5.0
# It loads the SDK, which takes longer than everything else here, before the clock runs.
ASK = """
import openai
print("loaded", flush=True)
address, key = input().split()
client = openai.OpenAI(base_url=address + "/v1", api_key=key, max_retries=0)
messages = [{"role": "user", "content": "What is the capital of France?"}]
answer = client.chat.completions.create(model="auto", messages=messages)
assert answer.choices[0].message.content, answer
chunks = client.chat.completions.create(model="auto", messages=messages, stream=True)
assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
print(answer.choices[0].message.content)
"""


def environment(home: Path) -> dict[str, str]:
    """Return our environment without anything that configures Routor or a provider."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("ROUTOR_") and not name.endswith(("_API_KEY", "_BASE_URL"))
    }
    return {**kept, "ROUTOR_HOME": str(home)}


def start(clone: Path, home: Path, client: str) -> tuple[float, float]:
    """Run `make up`; return the seconds until it says ready, and until both answers came."""
    asking = subprocess.Popen(
        [client, "-c", ASK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert asking.stdout and asking.stdout.readline() == "loaded\n"
    began = time.monotonic()
    up = subprocess.Popen(
        ["make", "up"],
        cwd=clone,
        env=environment(home),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    address = key = ""
    for line in up.stdout or ():
        sys.stdout.write(f"    {line}")
        if found := re.search(r"ready at (http://\S+)/v1", line):
            address = found[1]
        if line.startswith("  key"):
            key = line.split()[1]
        if "stop with Ctrl-C" in line:
            break
    ready_s = time.monotonic() - began
    answer, _ = asking.communicate(f"{address} {key}\n")
    answered_s = time.monotonic() - began
    sys.stdout.write(f"    {answer}")
    if asking.returncode:
        raise SystemExit("the client got no answer")
    os.killpg(up.pid, signal.SIGINT)
    up.wait(60)
    return ready_s, answered_s


def main() -> int:
    """Measure both starts; return 1 when one is too slow."""
    options = argparse.ArgumentParser()
    options.add_argument("--client", default=sys.executable, help="a Python that has openai")
    client = options.parse_args().client
    folder = Path(tempfile.mkdtemp(prefix="newcomer-"))
    try:
        subprocess.run(["git", "clone", "-q", str(ROOT), str(folder / "routor")], check=True)
        first = start(folder / "routor", folder / "home", client)
        second = start(folder / "routor", folder / "home", client)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"fresh clone: ready {first[0]:.1f} s, JSON and stream answered {first[1]:.1f} s")
    print(f"second time: ready {second[0]:.1f} s, JSON and stream answered {second[1]:.1f} s")
    return 0 if first[1] <= FIRST_LIMIT_S and second[1] <= SECOND_LIMIT_S else 1


if __name__ == "__main__":
    raise SystemExit(main())
