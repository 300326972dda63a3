"""The command line: `routor up|serve|route|models|providers|keys`, and the brain's own commands.

A command imports what it needs when it runs: `routor up` must not wait for what it never uses.
"""

import argparse
import importlib
import os
import runpy
import sys
from collections.abc import Callable, Sequence
from typing import Any, cast

from services.catalog import Tier
from services.router import command

SERVICES = ("edge", "router", "providers", "health")
TIERS = [tier.name for tier in Tier]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    options = _parser().parse_args(arguments)
    code: int = options.run(options)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="routor",
        description="Routor: one request in, the right model.",
        epilog="example: routor up",
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    _add(commands, "up", "start everything on this machine", "OPENAI_API_KEY=… routor up", _up)
    serve = _add(
        commands, "serve", "run one service in the foreground", "routor serve edge", _serve
    )
    serve.add_argument("service", choices=SERVICES)
    route = _add(
        commands,
        "route",
        "show the decision for a prompt; calls no provider",
        'routor route "Prove that the square root of 2 is irrational."',
        _ask,
    )
    route.add_argument("prompt")
    route.add_argument("--tier-floor", choices=TIERS, help="no tier below this")
    route.set_defaults(asked="route")
    for asked, told in (
        ("models", "list the models that can be called"),
        ("providers", "show how the providers are"),
    ):
        _add(commands, asked, told, f"routor {asked}", _ask).set_defaults(asked=asked)
    _keys(commands)
    command.register(commands)
    return parser


def _keys(commands: "argparse._SubParsersAction[Any]") -> None:
    keyed = commands.add_parser(
        "keys",
        help="create, list and revoke API keys (needs REDIS_URL, or a running `routor up`)",
        epilog="example: routor keys create my-app --budget-usd 20",
    )
    actions = keyed.add_subparsers(required=True, metavar="action")
    example = 'routor keys create my-app --budget-usd 20 --models "openai/*" xai/grok-4.5'
    create = _add(actions, "create", "make a key; it is shown once", example, _ask)
    create.add_argument("name")
    create.add_argument("--budget-usd", type=float, help="what it may spend in all")
    create.add_argument("--requests-per-minute", type=int)
    create.add_argument("--tokens-per-minute", type=int)
    create.add_argument("--models", nargs="+", metavar="ID", help='as "openai/gpt-5.5", "xai/*"')
    create.add_argument("--tiers", nargs="+", choices=TIERS)
    create.add_argument("--profile", help="a stored routing profile")
    create.set_defaults(asked="create_key")
    listed = _add(actions, "list", "show keys, never in full", "routor keys list", _ask)
    listed.set_defaults(asked="list_keys")
    example = "routor keys revoke sk-routor-HxTBcbEN..."
    revoke = _add(actions, "revoke", "end a key at once", example, _ask)
    revoke.add_argument("preview", help="the key, or its preview as `routor keys list` shows it")
    revoke.set_defaults(asked="revoke_key")


def _add(
    commands: "argparse._SubParsersAction[Any]",
    name: str,
    told: str,
    example: str,
    run: Callable[..., int],
) -> argparse.ArgumentParser:
    """Add a command that says what it does, with an example."""
    added: argparse.ArgumentParser = commands.add_parser(
        name, help=told, description=f"{told[0].upper()}{told[1:]}.", epilog=f"example: {example}"
    )
    added.set_defaults(run=run)
    return added


def _up(_: argparse.Namespace) -> int:
    return cast(int, importlib.import_module("services.local").up())


def _ask(options: argparse.Namespace) -> int:
    return cast(int, importlib.import_module("services.ask").run(options))


def _serve(options: argparse.Namespace) -> int:
    variable = f"ROUTOR_{options.service.upper()}_WORKERS"
    if os.environ.get(variable, "").strip() not in ("", "1"):
        text = f"routor: {variable} is for `routor up`; this is one process. Run more of them."
        print(text, file=sys.stderr)
    runpy.run_module(f"services.{options.service}", run_name="__main__")
    return 0
