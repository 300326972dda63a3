"""All services by TLS: links over ports, gRPC, and the command line."""

import subprocess
import sys

from tests import certificates
from tests.system.harness import Up, free_port, until


def test_all_of_them_speak_tls(authority, tmp_path):
    links = {
        f"ROUTOR_{name}_LINK_LISTEN": f"127.0.0.1:{free_port()}" for name in ("ROUTER", "PROVIDERS")
    }
    links["ROUTOR_ROUTER_LINK_ADDRESS"] = links["ROUTOR_ROUTER_LINK_LISTEN"]
    up = Up(tmp_path, {**certificates.environ(authority), **links})
    try:
        body = {"model": "auto", "messages": [{"role": "user", "content": "Hello!"}]}
        assert up.get("/v1/chat/completions", body)["choices"]

        def told():
            # It asks providers and health by gRPC, and health has asked providers.
            return subprocess.run(
                [sys.executable, "-m", "services", "providers"],
                env={"ROUTOR_HOME": str(tmp_path)},
                capture_output=True,
                text=True,
                check=True,
            ).stdout

        until(lambda: told().count(" healthy ") == 13, "all providers healthy")
    finally:
        assert up.stop() == 0
