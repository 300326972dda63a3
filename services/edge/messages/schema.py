"""The request of POST /v1/messages as types.

Source: anthropic 2.12.0, types/message_create_params.py (2026-11-23). What a field may hold is
checked here, so that a fault is named by the path that the caller wrote.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Word = Annotated[str, Meta(min_length=1, max_length=512)]
# Gemini's thought signatures travel inside: some are several kB long.
CallId = Annotated[str, Meta(min_length=1, max_length=1 << 18)]
ToolName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
Address = Annotated[str, Meta(pattern=r"^(?i:https?://)")]
Data = Annotated[str, Meta(min_length=1)]
MediaType = Annotated[str, Meta(pattern=r"^[\w.+-]{1,64}/[\w.+-]{1,64}$")]
Tokens = Annotated[int, Meta(ge=1, le=100_000_000)]
Share = Annotated[float, Meta(ge=0, le=1)]
Mark = dict[str, Any] | None


class Base64(Struct, tag_field="type", tag="base64"):
    """Data in the request itself."""

    media_type: MediaType
    data: Data


class Picture(Struct, tag_field="type", tag="base64"):
    """An image in the request itself."""

    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp"]
    data: Data


class Url(Struct, tag_field="type", tag="url"):
    """Data at a web address; the provider fetches it."""

    url: Address


class Stored(Struct, tag_field="type", tag="file"):
    """Data stored at the provider."""

    file_id: Word


class Plain(Struct, tag_field="type", tag="text"):
    """A document that is text."""

    data: str
    media_type: str = "text/plain"


class Text(Struct, tag_field="type", tag="text"):
    """A text block; `citations` are those of an answer."""

    text: str
    cache_control: Mark = None
    citations: list[dict[str, Any]] | None = None


class Image(Struct, tag_field="type", tag="image"):
    """An image block."""

    source: Picture | Url | Stored
    cache_control: Mark = None


class Written(Struct, tag_field="type", tag="content"):
    """A document made of blocks (types/content_block_source_content_param.py)."""

    content: str | list[Text | Image]


class Citing(Struct):
    """Whether the model shall cite."""

    enabled: bool | None = None


class Document(Struct, tag_field="type", tag="document"):
    """A document block."""

    source: Base64 | Url | Stored | Plain | Written
    title: str | None = None
    context: str | None = None
    cache_control: Mark = None
    citations: Citing | None = None


class SearchResult(Struct, tag_field="type", tag="search_result"):
    """Something that the caller's search found."""

    title: str
    source: str
    content: list[Text]
    cache_control: Mark = None
    citations: Citing | None = None


class ToolReference(Struct, tag_field="type", tag="tool_reference"):
    """A tool that a search for tools found; all but Anthropic's models have it already."""

    tool_name: Word


class ToolResult(Struct, tag_field="type", tag="tool_result"):
    """What a tool answered."""

    tool_use_id: CallId
    content: str | list[Text | Image | Document | SearchResult | ToolReference] | None = None
    is_error: bool | None = None
    cache_control: Mark = None


class ToolUse(Struct, tag_field="type", tag="tool_use"):
    """A call that the model made."""

    id: CallId
    name: Word
    input: dict[str, Any]
    cache_control: Mark = None
    caller: dict[str, Any] | None = None
    toolset_name: str | None = None


class Thinking(Struct, tag_field="type", tag="thinking"):
    """What the model thought; the signature is the provider's."""

    thinking: str
    signature: str = ""


class Redacted(Struct, tag_field="type", tag="redacted_thinking"):
    """Thoughts that only the provider can read."""

    data: str


# Stands before blocks that only Anthropic reads (`native`).
WRAPPED = "anthropic.block"


class Wrapped(Struct, tag_field="type", tag=WRAPPED):
    """A block of a tool that Anthropic runs, or for one, as it was given."""

    block: dict[str, Any]


UserBlock = Text | Image | Document | SearchResult | ToolResult | Wrapped
AssistantBlock = Text | ToolUse | Thinking | Redacted | Wrapped


class User(Struct, tag_field="role", tag="user"):
    """A turn of the user, or results of tools."""

    content: str | list[UserBlock]


class Assistant(Struct, tag_field="role", tag="assistant"):
    """A turn of the model; the last one is a prefill."""

    content: str | list[AssistantBlock]


class System(Struct, tag_field="role", tag="system"):
    """Instructions in the course of the conversation."""

    content: str | list[Text]


class Tool(Struct):
    """A tool of the caller's; others are known by their `type`."""

    name: ToolName = ""  # which a set of tools has not
    input_schema: dict[str, Any] | None = None
    description: str | None = None
    type: str | None = None
    strict: bool | None = None
    cache_control: Mark = None


class Choice(Struct):
    """Which tool is to be called."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class ThinkingSwitch(Struct):
    """How much the model shall think."""

    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: Annotated[int, Meta(ge=1024)] | None = None
    display: str | None = None


class JsonFormat(Struct, tag_field="type", tag="json_schema"):
    """An answer that follows a JSON Schema."""

    schema: dict[str, Any]


class Output(Struct):
    """How the model shall answer."""

    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: JsonFormat | None = None


class Metadata(Struct):
    """Who asks."""

    user_id: Annotated[str, Meta(max_length=512)] | None = None


class Counted(Struct, kw_only=True):
    """What counts as input, of a request to be answered or only counted."""

    messages: Annotated[list[User | Assistant | System], Meta(min_length=1)]
    model: str | None = None
    system: str | list[Text] | None = None
    tools: list[Tool] | None = None
    tool_choice: Choice | None = None
    thinking: ThinkingSwitch | None = None
    output_config: Output | None = None
    output_format: JsonFormat | None = None
    cache_control: Mark = None


class MessagesRequest(Counted, kw_only=True):
    """The body, without routor fields; None means not given."""

    max_tokens: Tokens
    stream: bool | None = None
    temperature: Share | None = None
    top_p: Share | None = None
    top_k: Annotated[int, Meta(ge=0)] | None = None
    stop_sequences: Annotated[list[str], Meta(max_length=256)] | None = None
    metadata: Metadata | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
