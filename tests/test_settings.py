"""Settings from the environment."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from services import settings
from services.settings import Secret, SettingsError, variable


@dataclass(frozen=True)
class Shop:
    PREFIX: ClassVar[str] = "ROUTOR_SHOP_"

    name: str
    shelves: int = 3
    wait_s: float = 0.5
    open: bool = True
    days: tuple[str, ...] = ("mon",)
    folder: Path | None = None
    token: Secret = variable("SHOP_TOKEN", Secret(""))


def read(**environ):
    return settings.read(Shop, environ)


def test_defaults_hold_and_empty_means_not_set():
    shop = read(ROUTOR_SHOP_NAME="x", ROUTOR_SHOP_SHELVES="  ")
    assert (shop.name, shop.shelves, shop.folder, shop.token) == ("x", 3, None, "")


def test_every_type_is_read():
    shop = read(
        ROUTOR_SHOP_NAME=" corner ",
        ROUTOR_SHOP_SHELVES="7",
        ROUTOR_SHOP_WAIT_S="1.25",
        ROUTOR_SHOP_OPEN="off",
        ROUTOR_SHOP_DAYS="mon, tue,,",
        ROUTOR_SHOP_FOLDER="/tmp/shop",
        SHOP_TOKEN="very secret",
    )
    assert shop == Shop("corner", 7, 1.25, False, ("mon", "tue"), Path("/tmp/shop"), "very secret")


@pytest.mark.parametrize("text", ["1", "true", "YES", "On"])
def test_yes(text):
    assert read(ROUTOR_SHOP_NAME="x", ROUTOR_SHOP_OPEN=text).open is True


def test_all_faults_are_told_at_once_by_the_variables_name():
    with pytest.raises(SettingsError) as raised:
        read(ROUTOR_SHOP_SHELVES="many", ROUTOR_SHOP_WAIT_S="-1", ROUTOR_SHOP_OPEN="perhaps")
    assert [line.split()[0].rstrip(":") for line in str(raised.value).splitlines()] == [
        "ROUTOR_SHOP_NAME",
        "ROUTOR_SHOP_SHELVES",
        "ROUTOR_SHOP_WAIT_S",
        "ROUTOR_SHOP_OPEN",
    ]


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "-0.1", "1e999", "1,5", "0x10"])
def test_numbers_that_cannot_be_limits_are_refused(text):
    with pytest.raises(SettingsError, match="ROUTOR_SHOP_WAIT_S"):
        read(ROUTOR_SHOP_NAME="x", ROUTOR_SHOP_WAIT_S=text)


def test_a_secret_does_not_show_itself():
    shop = read(ROUTOR_SHOP_NAME="x", SHOP_TOKEN="sk-123")
    assert "sk-123" not in repr(shop)
    assert shop.token == "sk-123"


def test_names_of_the_variables():
    assert settings.names(Shop)["wait_s"] == "ROUTOR_SHOP_WAIT_S"
    assert settings.names(Shop)["token"] == "SHOP_TOKEN"
