"""The request of POST /v1/responses as types.

Source: openai 3.54.0, types/responses/response_create_params.py and the items it names
(2026-11-23).
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from services.edge.schema import Metadata, ServiceTier, SoundFormat

Word = Annotated[str, Meta(min_length=1, max_length=512)]
# Gemini's thought signatures travel inside: some are several kB long.
CallId = Annotated[str, Meta(min_length=1, max_length=1 << 18)]
# Stands before tools and items that only OpenAI reads (`hosted`).
HOSTED = "routor_hosted"
ToolName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
# Data URLs are of base64 wherever pictures are taken.
Address = Annotated[str, Meta(pattern=r"^(?i:https?://|data:[^,]*;\s*base64\s*,\s*\S)")]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Detail = Literal["auto", "low", "high", "original"]


class InputText(Struct, tag_field="type", tag="input_text"):
    """A text part."""

    text: str


class OutputText(Struct, tag_field="type", tag="output_text"):
    """A text part that a model wrote."""

    text: str


class Refusal(Struct, tag_field="type", tag="refusal"):
    """An earlier refusal."""

    refusal: str


class InputImage(Struct, tag_field="type", tag="input_image"):
    """An image part."""

    image_url: Address | None = None
    file_id: str | None = None
    detail: Detail | None = None


class InputFile(Struct, tag_field="type", tag="input_file"):
    """A file part."""

    file_data: str | None = None
    file_id: str | None = None
    file_url: Annotated[str, Meta(pattern=r"^(?i:https?://)")] | None = None
    filename: str | None = None


class Sound(Struct):
    """Audio in base64."""

    data: str
    format: SoundFormat


class InputAudio(Struct, tag_field="type", tag="input_audio"):
    """An audio part."""

    input_audio: Sound


Part = InputText | OutputText | Refusal | InputImage | InputFile | InputAudio


class Message(Struct, tag_field="type", tag="message"):
    """What somebody said."""

    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[Part]
    phase: Word | None = None


class FunctionCall(Struct, tag_field="type", tag="function_call"):
    """A call that a model made; `arguments` is JSON in a string."""

    call_id: CallId
    name: Word
    arguments: str
    namespace: Word | None = None


class FunctionOutput(Struct, tag_field="type", tag="function_call_output"):
    """What a function answered."""

    call_id: CallId
    output: str | list[InputText | InputImage | InputFile]


class CustomCall(Struct, tag_field="type", tag="custom_tool_call"):
    """A call of a tool that takes free text."""

    call_id: CallId
    name: Word
    input: str
    namespace: Word | None = None


class CustomOutput(Struct, tag_field="type", tag="custom_tool_call_output"):
    """What a custom tool answered."""

    call_id: CallId
    output: str | list[InputText | InputImage | InputFile]


class Told(Struct):
    """A piece of a model's thoughts."""

    text: str = ""


class Reasoning(Struct, tag_field="type", tag="reasoning"):
    """A model's thoughts, as it gave them."""

    id: str | None = None
    summary: list[Told] = []
    content: list[Told] | None = None
    encrypted_content: str | None = None


class Reference(Struct, tag_field="type", tag="item_reference"):
    """An item that the server is to remember, or that stands in the same input."""

    id: Word


class MoreTools(Struct, tag_field="type", tag="additional_tools"):
    """Tools that the model is offered besides (`hosted.gather`)."""

    tools: list[dict[str, Any]]


class TextFormat(Struct, tag_field="type", tag="text"):
    """An answer in any form."""


class ObjectFormat(Struct, tag_field="type", tag="json_object"):
    """An answer that is a JSON object."""


class SchemaFormat(Struct, tag_field="type", tag="json_schema"):
    """An answer that follows a JSON Schema."""

    name: ToolName
    schema: dict[str, Any]
    description: str | None = None
    strict: bool | None = None


class TextOptions(Struct):
    """How the text of the answer shall be."""

    format: TextFormat | ObjectFormat | SchemaFormat | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class Thinking(Struct):
    """How much the model shall think, and whether it tells."""

    effort: Effort | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | None = None


class Update(Struct, tag_field="type", tag="configuration_update"):
    """What holds for the answers after it (`hosted.update`)."""

    reasoning: Thinking | None = None
    text: TextOptions | None = None


class Hosted(Struct, tag_field="type", tag=HOSTED):
    """A tool of OpenAI's own, the choice of one, or an item of it: `whole` is as it was written."""

    whole: dict[str, Any]

    @property
    def kind(self) -> str:
        """OpenAI's word for it."""
        return str(self.whole["type"])


Item = (
    Message
    | FunctionCall
    | FunctionOutput
    | CustomCall
    | CustomOutput
    | Reasoning
    | Reference
    | MoreTools
    | Update
    | Hosted
)


class FunctionTool(Struct, tag_field="type", tag="function"):
    """A function that the model may call; `parameters` is a JSON Schema."""

    name: ToolName
    parameters: dict[str, Any] | None = None
    description: str | None = None
    strict: bool | None = None


class CustomTool(Struct, tag_field="type", tag="custom"):
    """A tool that takes free text."""

    name: ToolName
    description: str | None = None
    format: dict[str, Any] | None = None


class NamespaceTool(Struct, tag_field="type", tag="namespace"):
    """Tools that stand together under a name."""

    name: ToolName
    tools: list[FunctionTool | CustomTool]
    description: str | None = None


Tool = FunctionTool | CustomTool | NamespaceTool | Hosted


class NamedFunction(Struct, tag_field="type", tag="function"):
    """The choice of one function."""

    name: Word


class NamedCustom(Struct, tag_field="type", tag="custom"):
    """The choice of one custom tool."""

    name: Word


class Allowed(Struct):
    """One of the tools that may be called."""

    name: Word | None = None  # tools of OpenAI's own have none
    type: str = "function"


class AllowedTools(Struct, tag_field="type", tag="allowed_tools"):
    """The choice among some of the tools."""

    mode: Literal["auto", "required"]
    tools: list[Allowed]


ToolChoice = (
    Literal["none", "auto", "required"] | NamedFunction | NamedCustom | AllowedTools | Hosted
)


class StreamOptions(Struct):
    """What a stream carries besides the answer; none here is ever padded."""

    include_obfuscation: bool | None = None


# openai 3.54.0, types/responses/response_includable.py (2026-11-23)
Includable = Literal[
    "code_interpreter_call.outputs",
    "computer_call_output.output.image_url",
    "file_search_call.results",
    "message.input_image.image_url",
    "message.output_text.logprobs",
    "reasoning.encrypted_content",
    "web_search_call.action.sources",
    "web_search_call.results",
]


class ResponsesRequest(Struct, kw_only=True):
    """The body, without routor fields; None means not given."""

    input: str | Annotated[list[Item], Meta(min_length=1)]
    model: str | None = None
    instructions: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    text: TextOptions | None = None
    reasoning: Thinking | None = None
    include: list[Includable] | None = None
    max_output_tokens: Annotated[int, Meta(ge=1, le=100_000_000)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    metadata: Metadata | None = None
    store: bool | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: dict[str, Any] | None = None
    prompt_cache_retention: str | None = None
    service_tier: ServiceTier | None = None
    truncation: Literal["auto", "disabled"] | None = None
    max_tool_calls: Annotated[int, Meta(ge=1)] | None = None
