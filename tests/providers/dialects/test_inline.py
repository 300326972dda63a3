"""Data URLs as clients write them reach vendors as all of them read them."""

import msgspec
import pytest

from services.providers.dialects import conversation, inline

# Bytes whose base64 has all that may be spelled otherwise.
DATA = "+/v7+w=="
PLAIN = f"data:image/png;base64,{DATA}"


@pytest.mark.parametrize(
    "url",
    [
        PLAIN,
        f"data:image/png;charset=utf-8;base64,{DATA}",
        f"data:image/png;name=a.png;base64,{DATA}",
        f"DATA:IMAGE/PNG;BASE64,{DATA}",
        f"data:image/png; base64, {DATA}",
        "data:image/png;base64,+/v7\r\n+w==\r\n",
        "data:image/png;base64,-_v7-w",
        "data:image/png;base64,%2B%2Fv7%2Bw%3D%3D",
        "data:image/png;base64,+/v7+w",
        "data:image/png;base64,+/v7+w=",
    ],
)
def test_base64_has_one_spelling(url: str) -> None:
    assert inline.tidied(url) == PLAIN


@pytest.mark.parametrize(
    "url", ["https://x/a;base64,b", "data:text/plain,a%20b", "data:,", "data:", "", "JVBERi0="]
)
def test_what_is_no_base64_stays(url: str) -> None:
    assert inline.tidied(url) == url


@pytest.mark.parametrize("called", ["", "application/octet-stream", "Application/Octet-Stream"])
def test_a_picture_without_a_type_gets_that_of_its_first_bytes(called: str) -> None:
    assert inline.tidied(f"data:{called};base64,/9j/4AAQ") == "data:image/jpeg;base64,/9j/4AAQ"
    assert inline.tidied(f"data:{called};base64,AAAA") == f"data:{called.lower()};base64,AAAA"


@pytest.mark.parametrize("role", ["user", "tool"])
def test_it_is_so_in_every_part(role: str) -> None:
    odd = PLAIN.replace(";base64", ";charset=utf-8;base64")
    parts = [
        {"type": "text", "text": odd},
        {"type": "image_url", "image_url": {"url": odd, "detail": "low"}},
        {"type": "video_url", "video_url": {"url": odd}},
        {"type": "file", "file": {"file_data": odd, "filename": "a"}},
        {"type": "input_audio", "input_audio": {"data": odd, "format": "wav"}},
        {"type": "input_audio", "input_audio": {"data": DATA, "format": "wav"}},
    ]
    body = {"messages": [{"role": role, "content": parts}]}
    text, image, video, file, spoken, sound = conversation.read(msgspec.json.encode(body))[
        "messages"
    ][0]["content"]
    assert text["text"] == odd
    assert image["image_url"] == {"url": PLAIN, "detail": "low"}
    assert video["video_url"] == {"url": PLAIN}
    assert file["file"] == {"file_data": PLAIN, "filename": "a"}
    assert spoken["input_audio"] == sound["input_audio"] == {"data": DATA, "format": "wav"}


@pytest.mark.parametrize(
    "messages", [None, 5, [None], [{"content": 5}], [{"content": [None, {"type": []}]}]]
)
def test_nonsense_is_left_to_others(messages: object) -> None:
    inline.tidy(messages)


@pytest.mark.parametrize("part", [{"type": "file", "file": None}, {"type": "image_url"}])
def test_so_are_parts_without_their_object(part: dict[str, object]) -> None:
    inline.tidy([{"content": [part]}])
