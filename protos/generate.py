"""Generate Python from the protos beside this file; `--check` compares without writing.

Needs the pinned grpcio-tools and mypy-protobuf of requirements-dev.lock: with them the
output is the same bytes everywhere.
"""

import sys
import tempfile
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).parent
WELL_KNOWN = Path(grpc_tools.__file__).parent / "_proto"
GENERATED = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*_pb2_grpc.pyi")


def generate(out: Path) -> None:
    """Write the generated modules under `out`, laid out as the packages are."""
    protos = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("routor/**/*.proto"))
    flags = [f"--{kind}_out={out}" for kind in ("python", "mypy", "grpc_python", "mypy_grpc")]
    if protoc.main(["protoc", f"-I{ROOT}", f"-I{WELL_KNOWN}", *flags, *protos]) != 0:
        raise SystemExit("protoc failed")


def stale() -> list[str]:
    """Return the generated files that differ from what the protos say."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        fresh = _read(Path(folder))
    committed = _read(ROOT)
    return sorted(name for name in fresh | committed if fresh.get(name) != committed.get(name))


def _read(root: Path) -> dict[str, bytes]:
    paths = [path for pattern in GENERATED for path in root.rglob(pattern)]
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


if __name__ == "__main__":
    if "--check" not in sys.argv:
        generate(ROOT)
    elif differing := stale():
        raise SystemExit(f"stale, run `make protos`: {', '.join(differing)}")
