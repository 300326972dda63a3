"""The contract: generated code is fresh, and every proto follows Buf's STANDARD names."""

import importlib.util
import os
import re
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor import FieldDescriptor

from routor.v1 import link_pb2, providers_pb2, router_pb2, status_pb2, types_pb2

ROOT = Path(__file__).parents[1] / "protos"
FILES = [
    module.DESCRIPTOR for module in (link_pb2, providers_pb2, router_pb2, status_pb2, types_pb2)
]
ENUMS = [enum for file in FILES for enum in file.enum_types_by_name.values()]
SERVICES = [service for file in FILES for service in file.services_by_name.values()]
PASCAL = re.compile(r"([A-Z][a-z0-9]*)+")
SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def all_messages(messages):
    for message in messages:
        yield message
        yield from all_messages(message.nested_types)


MESSAGES = [each for file in FILES for each in all_messages(file.message_types_by_name.values())]


def named(each):
    return each.full_name


def upper_snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


def test_generated_code_is_fresh(monkeypatch):
    # Where protoc finds its plugins, whether or not the environment is activated.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    monkeypatch.setenv("PATH", path)
    spec = importlib.util.spec_from_file_location("generate", ROOT / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    assert generate.stale() == []


def test_every_proto_is_looked_at():
    assert {file.name for file in FILES} == {
        str(path.relative_to(ROOT)) for path in ROOT.rglob("*.proto")
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_package_is_the_folder_and_has_a_version(file):
    assert file.package == "routor.v1"
    assert str(Path(file.name).parent) == "routor/v1"
    assert SNAKE.fullmatch(Path(file.name).stem)


@pytest.mark.parametrize("enum", ENUMS, ids=named)
def test_enum_values_carry_the_enums_name_and_zero_is_unspecified(enum):
    prefix = upper_snake(enum.name)
    assert PASCAL.fullmatch(enum.name)
    assert enum.values_by_number[0].name == f"{prefix}_UNSPECIFIED"
    assert all(re.fullmatch(rf"{prefix}(_[A-Z0-9]+)+", value.name) for value in enum.values)


@pytest.mark.parametrize("message", MESSAGES, ids=named)
def test_messages_are_pascal_case_and_fields_lower_snake_case(message):
    assert PASCAL.fullmatch(message.name) or message.GetOptions().map_entry
    for field in message.fields:
        assert SNAKE.fullmatch(field.name), field.full_name
        assert field.type != FieldDescriptor.TYPE_GROUP
    for oneof in message.oneofs:
        assert SNAKE.fullmatch(oneof.name.lstrip("_")), oneof.full_name


@pytest.mark.parametrize("service", SERVICES, ids=named)
def test_services_end_in_service_and_every_rpc_has_messages_of_its_own(service):
    assert service.name.endswith("Service")
    for method in service.methods:
        assert PASCAL.fullmatch(method.name)
        assert method.input_type.name == f"{method.name}Request"
        assert method.output_type.name == f"{method.name}Response"


def test_no_message_serves_two_rpcs():
    used = [
        message.full_name
        for service in SERVICES
        for method in service.methods
        for message in (method.input_type, method.output_type)
    ]
    assert len(used) == len(set(used))
