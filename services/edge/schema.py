"""The request of POST /v1/chat/completions as types.

Source: https://platform.openai.com/docs/api-reference/chat/create (read 2026-11). Fields that
are not listed are not checked; they are passed on.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Word = Annotated[str, Meta(min_length=1, max_length=512)]
# Gemini's thought signatures travel inside: some are several kB long.
CallId = Annotated[str, Meta(min_length=1, max_length=1 << 18)]
# Anthropic's clients may use as many characters; those of OpenAI 64 (`chat.MOST_NAME_CHARS`).
ToolName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
# Nothing else is ever fetched by anybody: no file:, no gopher:.
# Data URLs are of base64 wherever pictures are taken.
Address = Annotated[str, Meta(pattern=r"^(?i:https?://|data:[^,]*;\s*base64\s*,\s*\S)")]
# https://platform.openai.com/docs/api-reference/chat/create#chat-create-metadata (2026-11)
Label = Annotated[str, Meta(max_length=64)]
Metadata = Annotated[dict[Label, Annotated[str, Meta(max_length=512)]], Meta(max_length=16)]
Tokens = Annotated[int, Meta(ge=1, le=100_000_000)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
# openai 3.54.0, types/responses/service_tier.py (2026-11-23)
ServiceTier = Literal["auto", "default", "flex", "scale", "priority", "fast", "ultrafast"]
# What any of the vendors takes, or a server of one's own: OpenAI wav and mp3, Gemini the next four
# (ai.google.dev/gemini-api/docs/audio), others what FFmpeg reads.
SoundFormat = Literal[
    "wav", "mp3", "aac", "aiff", "flac", "ogg",
    "3gp", "amr", "m4a", "mp4", "mpeg", "oga", "opus", "pcm16", "webm",
]  # fmt: skip
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class Text(Struct, tag_field="type", tag="text"):
    """A text part."""

    text: str


class Refusal(Struct, tag_field="type", tag="refusal"):
    """An assistant's earlier refusal."""

    refusal: str


class Link(Struct):
    """Where an image or a video is: a web address or a data: URL."""

    url: Address
    detail: Literal["auto", "low", "high", "original"] | None = None


class Image(Struct, tag_field="type", tag="image_url"):
    """An image part."""

    image_url: Link


class Video(Struct, tag_field="type", tag="video_url"):
    """A video part."""

    video_url: Link


class Sound(Struct):
    """Audio in base64."""

    data: str
    format: SoundFormat


class Audio(Struct, tag_field="type", tag="input_audio"):
    """An audio part."""

    input_audio: Sound


class Attached(Struct):
    """A file, in base64 or by its id at the provider."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class File(Struct, tag_field="type", tag="file"):
    """A file part."""

    file: Attached


UserPart = Text | Image | Audio | File | Video
AssistantPart = Text | Refusal
TextContent = str | Annotated[list[Text], Meta(min_length=1)]


class System(Struct, tag_field="role", tag="system"):
    """Instructions."""

    content: TextContent
    name: str | None = None


class Developer(Struct, tag_field="role", tag="developer"):
    """Instructions, in OpenAI's newer word."""

    content: TextContent
    name: str | None = None


class User(Struct, tag_field="role", tag="user"):
    """What the user says and shows."""

    content: str | Annotated[list[UserPart], Meta(min_length=1)]
    name: str | None = None


class Called(Struct):
    """The function of a call; `arguments` is JSON in a string."""

    name: Word
    arguments: str


class FunctionCall(Struct, tag_field="type", tag="function"):
    """A call of a function."""

    id: CallId
    function: Called


class CustomInput(Struct):
    """The custom tool of a call."""

    name: Word
    input: str


class CustomCall(Struct, tag_field="type", tag="custom"):
    """A call of a custom tool."""

    id: CallId
    custom: CustomInput


class Assistant(Struct, tag_field="role", tag="assistant"):
    """What a model said before."""

    content: str | Annotated[list[AssistantPart], Meta(min_length=1)] | None = None
    tool_calls: list[FunctionCall | CustomCall] | None = None
    refusal: str | None = None
    name: str | None = None
    audio: dict[str, Any] | None = None
    # The older word for a call; where a function answers it, `legacy` has put a tool call here.
    function_call: Called | None = None
    # What Anthropic's models thought, as we have told it
    thinking_blocks: Any = None


class ToolResult(Struct, tag_field="role", tag="tool"):
    """What a tool answered; images and files beside text are what Anthropic's tools may return."""

    content: str | Annotated[list[Text | Image | File], Meta(min_length=1)]
    tool_call_id: CallId
    is_error: bool | None = None


Message = System | Developer | User | Assistant | ToolResult


class Function(Struct):
    """A function that the model may call; `parameters` is a JSON Schema."""

    name: ToolName
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class FunctionTool(Struct, tag_field="type", tag="function"):
    """A function tool."""

    function: Function


class Custom(Struct):
    """A tool that takes free text."""

    name: ToolName
    description: str | None = None
    format: dict[str, Any] | None = None


class CustomTool(Struct, tag_field="type", tag="custom"):
    """A custom tool."""

    custom: Custom


Tool = FunctionTool | CustomTool


class Named(Struct):
    """The name of a tool."""

    name: Word


class NamedFunction(Struct, tag_field="type", tag="function"):
    """The choice of one function."""

    function: Named


class NamedCustom(Struct, tag_field="type", tag="custom"):
    """The choice of one custom tool."""

    custom: Named


class Allowed(Struct):
    """Some of the tools; `mode` says whether one must be called."""

    mode: Literal["auto", "required"]
    tools: list[dict[str, Any]]


class AllowedTools(Struct, tag_field="type", tag="allowed_tools"):
    """The choice among some of the tools."""

    allowed_tools: Allowed


ToolChoice = Literal["none", "auto", "required"] | NamedFunction | NamedCustom | AllowedTools


class TextFormat(Struct, tag_field="type", tag="text"):
    """An answer in any form."""


class ObjectFormat(Struct, tag_field="type", tag="json_object"):
    """An answer that is a JSON object."""


class Schema(Struct):
    """A named JSON Schema."""

    name: ToolName
    schema: dict[str, Any] | None = None
    description: str | None = None
    strict: bool | None = None


class SchemaFormat(Struct, tag_field="type", tag="json_schema"):
    """An answer that follows a JSON Schema."""

    json_schema: Schema


class StreamOptions(Struct):
    """What a stream carries besides the answer."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class Spoken(Struct):
    """How an answer sounds; `voice` is a name, or the id of one's own voice."""

    voice: str | dict[str, Any]
    format: Word


class Predicted(Struct, tag_field="type", tag="content"):
    """What much of the answer will be."""

    content: TextContent


class ChatRequest(Struct, kw_only=True):
    """The body, without routor fields; None means not given."""

    messages: Annotated[list[Message], Meta(min_length=1)]
    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: TextFormat | ObjectFormat | SchemaFormat | None = None
    max_completion_tokens: Tokens | None = None
    max_tokens: Tokens | None = None
    reasoning_effort: Effort | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    stop: str | Annotated[list[str], Meta(max_length=256)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, Annotated[float, Meta(ge=-100, le=100)]] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    seed: int | None = None
    modalities: list[Literal["text", "audio"]] | None = None
    audio: Spoken | None = None
    prediction: Predicted | None = None
    web_search_options: dict[str, Any] | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    metadata: Metadata | None = None
    store: bool | None = None
    user: str | None = None
    service_tier: ServiceTier | None = None
    prompt_cache_key: str | None = None
    safety_identifier: str | None = None
