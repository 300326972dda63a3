"""What a conversation asks for: an answer, or the rest of one that has been begun. Pure.

A model goes on with a last turn of its own (a prefill), or with an answer that was "cut off" when
the user asks for that and shows the words with which to go on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

_REPEAT = "Repeat exactly: "
_LEAST, _MOST = 4, 200  # characters of the words with which to go on


@dataclass(frozen=True)
class Turns:
    """What is asked.

    `user_text` is what is to be answered, `given` what has been said of the answer already,
    `again` the last words of it, which are to be said once more.
    """

    user_text: str = ""
    given: str = ""
    again: str = ""

    @property
    def dictated(self) -> str | None:
        """The answer, when the user has dictated it."""
        asked = self.user_text
        return asked.removeprefix(_REPEAT) if asked.startswith(_REPEAT) else None


def read(turns: Sequence[tuple[str, str]], *, prefills: bool) -> Turns:
    """Read turns (role, text); `prefills`: the model goes on with a last turn of its own."""
    users = [text for role, text in turns if role == "user" and text]
    told = users[-1] if users else ""
    role, text = turns[-1] if turns else ("", "")
    if role == "assistant" and prefills:
        return Turns(told, given=text)
    before = turns[-2] if len(turns) > 1 else ("", "")
    if role == "user" and before[0] == "assistant" and "cut off" in text:
        sizes = range(min(len(before[1]), _MOST), _LEAST - 1, -1)
        again = next((before[1][-size:] for size in sizes if before[1][-size:] in text), "")
        if again and len(users) > 1:
            return Turns(users[-2], given=before[1], again=again)
    return Turns(told)


def rest(turns: Turns, whole: str) -> str:
    """Return what is still to be said of `whole`, the sandbox's answer to such a request.

    The names of sandbox models, which begin most answers, may differ.
    """
    given = turns.given
    if not given:
        return whole
    own, same, told = whole.partition("]")
    name, begun, _ = given.partition("]")
    if same and begun and name.startswith("[sandbox ") and own.startswith("[sandbox "):
        whole = f"{name}]{told}"
    if whole.startswith(given):
        return turns.again + whole[len(given) :]
    return f"{turns.again} (and so on: {whole})"
