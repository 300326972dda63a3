"""Fields are named as the caller of each door has written them."""

import pytest

from services.edge import chat, messages, responses, spelling
from services.errors import Kind, RoutorError

TEXT = "a/b does not take response_format; use response_formats or x.response_format."


@pytest.mark.parametrize(
    ("door", "name"),
    [(chat, "response_format"), (responses, "text.format"), (messages, "output_config.format")],
)
def test_an_error_names_its_field_by_the_doors_word(door, name):
    given = RoutorError(Kind.UNSUPPORTED_PARAMETER, TEXT, param="response_format")
    told = spelling.error(given, door.names)
    assert told.param == name
    assert told.message == TEXT.replace("take response_format;", f"take {name};")


@pytest.mark.parametrize("door", [responses, messages])
def test_tools_are_named_without_a_function_around_them(door):
    assert spelling.fields(["tools[].function.strict"], door.names) == ["tools[].strict"]
    given = "tool_choice.function.name"
    failure = RoutorError(Kind.INVALID_REQUEST, f"{given}: is not known.", param=given)
    assert spelling.error(failure, door.names).message == "tool_choice.name: is not known."


def test_what_is_left_out_is_named_by_the_doors_word():
    assert spelling.fields(["user", "seed"], messages.names) == ["metadata.user_id", "seed"]
