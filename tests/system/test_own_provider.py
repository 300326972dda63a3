"""An OpenAI-compatible endpoint of the owner's own, added by a catalog file and no code."""

import re
from pathlib import Path

import openai
import pytest

from tests.system.harness import Up

README = (Path(__file__).parents[2] / "README.md").read_text()


@pytest.fixture(scope="module")
def up(vendors, tmp_path_factory):
    """Routor with the catalog file that README shows, pointed at a server of ours."""
    (example,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    folder = tmp_path_factory.mktemp("catalog")
    address = f"http://127.0.0.1:{vendors.port}/openai/v1"
    text, found = re.subn(r'base_url = ".*"', f'base_url = "{address}"', example)
    assert found == 1
    (folder / "mycorp.toml").write_text(text)
    environ = {"ROUTOR_CATALOG_DIR": str(folder), "MYCORP_API_KEY": "sandbox-openai-key"}
    running = Up(tmp_path_factory.mktemp("own"), environ)
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def client(up):
    return openai.OpenAI(base_url=f"{up.url}/v1", api_key=up.key, max_retries=0)


@pytest.mark.parametrize("model", ["auto", "mycorp/custom-small", "mycorp/custom-any-other"])
def test_it_answers(client, model):
    messages = [{"role": "user", "content": "Hello"}]
    answer = client.chat.completions.create(model=model, messages=messages)
    assert answer.choices[0].message.content
    assert answer.model == ("mycorp/custom-small" if model == "auto" else model)


def test_no_sandbox_is_started_beside_it(up):
    assert "SANDBOX" not in "".join(up.output)
    assert "sandbox" not in up.note()["pids"]
