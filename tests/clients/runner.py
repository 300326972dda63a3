"""Runs the cases of a client's file in that client's own environment.

    python -I runner.py CASES.py

Reads one JSON line per call, {"case": name, "given": {…}}, and answers each with one line:
{"told": what the case returned} or {"raised": the traceback}. Whatever else a client prints goes
to stderr.
"""

import asyncio
import importlib.util
import inspect
import json
import os
import sys
import traceback


def load(path):
    spec = importlib.util.spec_from_file_location("cases", path)
    module = sys.modules["cases"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(loop, case, given):
    told = case(**given)
    return loop.run(told) if inspect.iscoroutine(told) else told


def main():
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    module = load(sys.argv[1])
    with asyncio.Runner() as loop:  # one for all cases: clients keep connections in it
        for line in sys.stdin:
            call = json.loads(line)
            try:
                reply = {"told": run(loop, getattr(module, call["case"]), call["given"])}
            except Exception:
                reply = {"raised": traceback.format_exc()}
            print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
