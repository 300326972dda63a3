"""The command line: `routor up|serve|route|models|providers|keys`.

A command imports what it needs when it runs: `routor up` must not wait for what it never uses.
"""

import argparse
import importlib
import os
import runpy
import sys
from collections.abc import Sequence
from typing import cast

from services.catalog import Tier
from services.router import command

SERVICES = ("edge", "router", "providers", "health")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    options = _parser().parse_args(arguments)
    code: int = options.run(options)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="routor", description="Routor: one request in, the right model."
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    commands.add_parser("up", help="start everything on this machine").set_defaults(run=_up)
    serve = commands.add_parser("serve", help="run one service in the foreground")
    serve.add_argument("service", choices=SERVICES)
    serve.set_defaults(run=_serve)
    route = commands.add_parser("route", help="show the decision for a prompt; calls no provider")
    route.add_argument("prompt")
    route.add_argument("--tier-floor", choices=[tier.name for tier in Tier])
    route.set_defaults(run=_ask, asked="route")
    commands.add_parser("models", help="list the models that can be called").set_defaults(
        run=_ask, asked="models"
    )
    commands.add_parser("providers", help="show how the providers are").set_defaults(
        run=_ask, asked="providers"
    )
    keyed = commands.add_parser("keys", help="create, list and revoke API keys (needs REDIS_URL)")
    actions = keyed.add_subparsers(required=True, metavar="action")
    create = actions.add_parser("create")
    create.add_argument("name")
    create.add_argument("--budget-usd", type=float, help="what it may spend in all")
    create.add_argument("--requests-per-minute", type=int)
    create.add_argument("--tokens-per-minute", type=int)
    create.add_argument("--models", nargs="+", metavar="ID", help='as "openai/gpt-5.5", "xai/*"')
    create.add_argument("--tiers", nargs="+", choices=[tier.name for tier in Tier])
    create.add_argument("--profile", help="a stored routing profile")
    create.set_defaults(run=_ask, asked="create_key")
    actions.add_parser("list").set_defaults(run=_ask, asked="list_keys")
    revoke = actions.add_parser("revoke")
    revoke.add_argument("preview", help="the key, or its preview as `routor keys list` shows it")
    revoke.set_defaults(run=_ask, asked="revoke_key")
    command.register(commands)
    return parser


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
