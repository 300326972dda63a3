"""An OpenAI conversation as Gemini's systemInstruction and contents.

Thought signatures: https://ai.google.dev/gemini-api/docs/thought-signatures (2026-11-23). Gemini 3
refuses a past function call without one; for calls of another model the page names a word.
"""

import base64
from typing import Any

from services.errors import Kind, RoutorError
from services.providers.dialects import history
from services.providers.dialects.completion import digest
from services.providers.dialects.contract import Json

_FOREIGN_SIGNATURE = "skip_thought_signature_validator"
_CONTINUE = {"text": "Continue."}
# https://ai.google.dev/gemini-api/docs/audio, supported formats (2026)
_AUDIO = {kind: f"audio/{kind}" for kind in ("wav", "mp3", "aiff", "aac", "ogg", "flac")}
_SUFFIXES = {
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "heic": "image/heic",
    "pdf": "application/pdf",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mov": "video/mov",
}


def conversation(messages: list[Any]) -> tuple[list[Json], list[Json]]:
    """Return the system parts and the contents.

    Leading system messages become the system instruction; later ones stay in their place as
    marked text of the user's turn. Results find the names of their functions again.
    """
    fitted = history.with_ids(messages, _keep)
    leading = 0
    while leading < len(fitted) and fitted[leading][1].get("role") in ("system", "developer"):
        leading += 1
    system = [
        {"text": text}
        for path, message in fitted[:leading]
        if (text := history.text_of(message.get("content"), f"{path}.content")).strip()
    ]
    contents: list[Json] = []
    names: dict[str, str] = {}
    for path, message in fitted[leading:]:
        role, parts = _turn(message, path, names)
        if not parts:
            continue
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"] += parts
        else:
            contents.append({"role": role, "parts": parts})
    asked: list[str] = []
    for content in contents:
        content["parts"] = _results_first(content["parts"], asked)
        asked = [part["functionCall"]["id"] for part in content["parts"] if "functionCall" in part]
    if not contents:
        return [], [{"role": "user", "parts": system or [_CONTINUE]}]
    if contents[0]["role"] == "model":
        contents.insert(0, {"role": "user", "parts": [_CONTINUE]})
    if contents[-1]["role"] == "model":
        contents.append({"role": "user", "parts": [_CONTINUE]})
    return system, contents


def _keep(call_id: str) -> str:
    """Fit an id: Gemini takes any, but one without content is none."""
    return call_id or f"call_{digest(b'')}"


def _turn(message: Json, path: str, names: dict[str, str]) -> tuple[str, list[Json]]:
    role = message.get("role")
    if role == "assistant":
        return "model", _model(message, path, names)
    if role == "tool":
        return "user", _result(message, path, names)
    if role in ("system", "developer"):
        text = history.text_of(message.get("content"), f"{path}.content")
        return "user", [{"text": f"<system>\n{text}\n</system>"}] if text.strip() else []
    parts = history.parts_of(message.get("content"), f"{path}.content")
    return "user", [_part(part, where) for where, part in parts]


def _model(message: Json, path: str, names: dict[str, str]) -> list[Json]:
    said = message.get("content") or message.get("refusal") or ""
    text = history.said_of(said, f"{path}.content")
    signed = _extra_signature(message)
    own = {"text": text, **({"thoughtSignature": signed} if signed else {})}
    parts: list[Json] = [own] if text.strip() else []
    for number, call in enumerate(message.get("tool_calls") or ()):
        call_id, sealed = history.unseal(call["id"])
        names[call["id"]] = history.name_of(call)
        part: Json = {
            "functionCall": {
                "id": call_id,
                "name": names[call["id"]],
                "args": history.arguments_of(call),
            }
        }
        signature = _extra_signature(call) or sealed
        # Of parallel calls, Gemini signs the first alone.
        if signature or number == 0:
            part["thoughtSignature"] = signature or _FOREIGN_SIGNATURE
        parts.append(part)
    return parts


def _extra_signature(given: Json) -> str:
    """Return a message's or call's signature, where Google's own OpenAI door has it.

    One that is no base64 is none of Gemini's, and refused (google-genai 3.4.0, types.Part).
    """
    extra = given.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    if not isinstance(signature, str):
        return ""
    try:
        base64.b64decode(signature, validate=True)
    except ValueError:
        return ""
    return signature


def _result(message: Json, path: str, names: dict[str, str]) -> list[Json]:
    """Return the result as text, and after it what else the tool returned."""
    call_id = message["tool_call_id"]
    text, shown = history.result_of(message, path)
    response = {
        "id": history.unseal(call_id)[0],
        "name": names[call_id],
        "response": {"result": text},
    }
    media = [_part(part, where) for where, part in shown]
    return [{"functionResponse": response}, *media]


def _results_first(parts: list[Json], asked: list[str]) -> list[Json]:
    """Put results before text, one for each call and in their order: they are told apart by it."""
    results: dict[str, Json] = {}
    for part in parts:
        response = part.get("functionResponse")
        if response is None:
            continue
        known = results.setdefault(response["id"], part)
        if known is not part:
            known["functionResponse"]["response"]["result"] += "\n" + response["response"]["result"]
    rest = (part for part in parts if "functionResponse" not in part)
    return [*history.in_order(results, asked), *rest]


def _part(part: Json, path: str) -> Json:
    """Return the part of a user's part."""
    match part.get("type"):
        case "text":
            return {"text": part["text"]}
        case "image_url":
            image = part.get("image_url")
            url = image.get("url") if isinstance(image, dict) else image
            return _media(url, f"{path}.image_url.url", "image/jpeg")
        case "video_url":
            video = part.get("video_url")
            url = video.get("url") if isinstance(video, dict) else video
            return _media(url, f"{path}.video_url.url", "video/mp4")
        case "file":
            data = history.file_url(part.get("file"))
            if data:
                return _media(data, f"{path}.file.file_data", "application/pdf")
        case "input_audio":
            audio = part.get("input_audio")
            if isinstance(audio, dict) and audio.get("format") in _AUDIO:
                mime = _AUDIO[audio["format"]]
                return {"inlineData": {"mimeType": mime, "data": audio.get("data", "")}}
    raise RoutorError(
        Kind.UNSUPPORTED_PARAMETER,
        f"Gemini's models take text, image_url, video_url, file with file_data, and input_audio; "
        f"{path} is "
        "none of them.",
        param=path,
    )


def _media(url: object, where: str, usual: str) -> Json:
    inline = history.data_url(url, where)
    if inline is not None:
        return {"inlineData": {"mimeType": inline[0], "data": inline[1]}}
    path = str(url).partition("#")[0].partition("?")[0]
    suffix = path.rpartition(".")[2].lower()
    return {"fileData": {"mimeType": _SUFFIXES.get(suffix, usual), "fileUri": url}}
