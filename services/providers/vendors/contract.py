"""What a vendor file declares: address, key, dialect and named quirks. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

DialectName = Literal["openai_chat", "anthropic_messages", "google_generate"]


@dataclass(frozen=True)
class Quirks:
    """The ways a vendor departs from its dialect. Each one set names its source in the vendor file.

    A quirk of one model rather than of the vendor is a fact of the catalog
    (`services.catalog.Parameters`, `Reasoning`) and does not belong here.
    """

    # Request (openai_chat)
    developer_role: bool = True  # else "developer" is sent as "system"
    message_name: bool = True  # else messages[].name is removed
    letter_first: bool = False  # else names of tools may begin otherwise
    flavored_schemas: bool = False  # schemas are of Moonshot's part of JSON Schema alone
    strict_tools: bool = True  # else tools[].function.strict is removed
    stream_options: bool = True  # else stream_options is not sent; usage comes by itself
    store_and_metadata: bool = True  # else store, metadata, service_tier and the like are removed
    services: tuple[str, ...] = ()  # those of them that the vendor has all the same
    parameters: tuple[str, ...] = ()  # of the vendor's own, beside OpenAI's
    lacks: tuple[str, ...] = ()  # parameters of OpenAI's that are refused and harmless to leave out
    any_parameter: bool = False  # nobody lists what is taken: everything is passed on
    part_members: tuple[str, ...] = ()  # of parts of contents, beside those that all know
    sound_urls: bool = False  # the data of input_audio is a data URL
    text_parts: bool = True  # else a list of text parts is joined into one string
    answer_text: bool = False  # an earlier answer without text is refused, even beside calls
    max_tokens_field: str = ""  # overrides the model's field when the vendor knows only one
    thinks_in_streams: bool = False  # thinking is refused outside of streams
    unlisted_over_responses: bool = False  # of unlisted models, for tools with thinking
    unlisted_max_tokens_field: str = ""  # of models that the catalog does not list
    # Theirs, too: what becomes of reasoning_content in earlier turns; "demanded" of all of them
    unlisted_thoughts: Literal["kept", "demanded", "refused"] = "kept"
    thought_details: bool = False  # thoughts come back as MiniMax's reasoning_details
    service_tiers: Mapping[str, str] = field(default_factory=dict)  # OpenAI's word -> the vendor's
    seed_field: str = "seed"
    tool_call_id: Literal["any", "nine_alphanumerics"] = "any"
    required_word: str = "required"  # tool_choice "required" in the vendor's word ("any")
    prefill_flag: str = ""  # what a final assistant message must bear to be continued
    prefill_path: str = ""  # the endpoint that does that, where it is another one
    prefill_echo: bool = False  # the answer begins with the prefill
    cache_control: bool = False  # of parts; on messages and tools it is Anthropic's alone
    one_system: bool = False  # one system message is taken, and only as the first
    ends_with_system: bool = True  # else a system message at the end is sent as the user's
    needs_user_message: bool = False  # a conversation without one is refused
    # No system message after an answer or at the end, no user message right after a tool's
    template_order: bool = False
    most_stops: int = 0  # stop sequences, always as a list; 0: as the dialect has it
    longest_stop: int = 0  # in bytes; 0: any
    greedy_alone: bool = False  # at temperature 0 top_p has to be 1, and to be sent
    extra_body: Mapping[str, object] = field(default_factory=dict)
    # Answer (openai_chat)
    think_tags: bool = False  # <think>…</think> inside content
    reasoning_outside_completion: bool = False  # completion_tokens exclude reasoning (xAI)
    billed_ticks_field: str = ""  # of usage: what all of the answer costs, in 1e-10 dollars
    usage_in_choice: bool = False  # usage may sit in choices[0] of the last chunk (Moonshot)
    bad_key_status: tuple[int, ...] = (401, 403)
    finish_reasons: Mapping[str, str] = field(default_factory=dict)  # vendor word -> OpenAI word


@dataclass(frozen=True)
class Vendor:
    """One provider: where it is, how it is spoken to, how it departs from its dialect."""

    id: str
    name: str
    dialect: DialectName
    base_url: str  # what precedes the dialect's own path; empty when the owner must give it
    key_env: tuple[str, ...]  # the first one set is used
    base_url_env: str
    auth_header: str = "Authorization"
    auth_prefix: str = "Bearer "
    headers: Mapping[str, str] = field(default_factory=dict)
    base_url_suffix: str = ""  # appended to an address from the environment (Azure: /openai/v1)
    models_path: str = "/models"  # the free list of models, after base_url
    # Codes in an error body (any of its code, type, status) -> Kind name, before the HTTP status.
    error_codes: Mapping[str, str] = field(default_factory=dict)
    # Pieces of an error message, in lower case -> Kind name, before the codes.
    error_words: Mapping[str, str] = field(default_factory=dict)
    # Of one run of a tool that the vendor runs itself, beside tokens. What an answer does not let
    # us count is in no cost; the vendor file says what.
    fees_usd: Mapping[str, float] = field(default_factory=dict)
    quirks: Quirks = Quirks()
