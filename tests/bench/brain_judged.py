"""How the classifier does on 2,881 conversations that it did not learn from.

    python tests/bench/brain_judged.py [WEIGHTS]

`judged.jsonl` was written and labelled for this alone, with the help of a language model, by seven
hands that had not seen the corpus, 420, 420, four times 400, and 441: ordinary requests, and kinds
that mislead (short and hard, long and easy, words of a trade around a trivial question, turns that
go on, thanks, changes of subject, system prompts, tools, attachments, other languages). An
`adjacent` tier and `alternatives` of the category can be defended as well as the label. Prompts and
labels are of one pass each, so they are cleaner than real traffic.

Do not tune to it. Tables of the first hand were looked at between the weights of 2026-11-28, those
of the second between the ones after, and the weak kinds decided what kinds were written next into
`corpus/demands.jsonl` and `corpus/requests.jsonl`: figures of these two flatter a little. The third
helped to keep the teachers and to leave out other shapes of the net; what the fourth showed of
words of a trade around a small question led to `corpus/prefaces.txt`; all five were looked at when
words got rows of their own and a start that draws them back. The sixth (2026-11-29) was first asked
when the weights of that day were chosen, and looked at, as were all others, when words without rows
of their own got those of their meanings (2026-11-30). The seventh was first asked when the weights
of the end of that day were chosen, and again when piles of words were left out and when the net got
twice the hidden units: those were chosen on the tune split, after a look at all hands.
`judgement.ENOUGH` is chosen on the tune split.
"""

import sys
from collections import Counter, defaultdict
from pathlib import Path

import msgspec

from services.catalog import Tier
from services.router.classify import WEIGHTS, Classifier
from services.router.features import extract
from services.router.learning.examples import Line

CONVERSATIONS = Path(__file__).with_name("judged.jsonl")
COLUMNS = ("category", "or alt", "tier", "or adj", "within", "under2")


def judged(classifier: Classifier, asked: Line) -> Counter[str]:
    """Return what was right about a conversation."""
    said = classifier.classify(extract(asked.request()))
    tier = Tier[asked.tier]
    return Counter({
        "n": 1,
        "category": said.category is asked.category,
        "or alt": said.category in (asked.category, *asked.alternatives),
        "tier": said.tier is tier,
        "or adj": said.tier.name in (asked.tier, asked.adjacent),
        "within": abs(said.tier - tier) <= 1,
        "under2": said.tier - tier <= -2,
        "hard": tier >= Tier.STANDARD,
        "recognised": tier >= Tier.STANDARD and said.tier >= Tier.STANDARD,
    })  # fmt: skip


def main() -> None:
    """Print the table."""
    classifier = Classifier.load(Path(sys.argv[1]) if len(sys.argv) > 1 else WEIGHTS)
    decoder = msgspec.json.Decoder(Line)
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for line in CONVERSATIONS.read_bytes().splitlines():
        asked = decoder.decode(line)
        right = judged(classifier, asked)
        for name in ("all", f"{asked.id.partition('-')[0]} hand", asked.kind):
            groups[name] += right
    print(f"{'conversations of other hands':30}{'n':>5}", *(f"{name:>9}" for name in COLUMNS))
    for name, group in groups.items():
        shares = (f"{group[column] / group['n']:9.3f}" for column in COLUMNS)
        print(f"{name:30}{group['n']:5d}", *shares)
    whole = groups["all"]
    print(f"STANDARD and above recognised: {whole['recognised'] / whole['hard']:.3f}")


if __name__ == "__main__":
    main()
