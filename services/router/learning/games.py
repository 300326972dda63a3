"""Ways of putting a prompt differently that change nothing about it: its labels stay.

Learned from, they teach the classifier not to be moved by them; put to held-out prompts, they
measure whether it is.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from routor.v1 import router_pb2
from services.router.learning.examples import Example

Game = Callable[[str, random.Random], str]

_POLITE: Final = (
    "Please ", "Could you please ", "Hi there! ", "Hello, I hope you are well. ",
    "Would you be so kind: ", "Dear assistant, ", "Hey! ", "Good morning! ", "Good evening, ",
    "Hello! Could you help me with something? ", "Sorry to bother you, but ", "If you don't mind, ",
    "I would be very grateful for your help. ", "I'd appreciate it if you could help me out here: ",
    "May I ask you something? ", "Would it be possible to help me? ", "When you have a moment: ",
    "I have a question for you. ", "Can you help me out with this one? ", "Hello dear, ",
    "Kindly assist. ", "I was wondering if you could help: ", "Excuse me, ", "Greetings! ",
    "One more thing, if I may: ", "It would be great if you could do this for me: ",
    "Be so good as to answer this. ", "Hi, how are you? ", "I need your help, please. ",
    "Would you mind taking a look? ", "hey buddy ", "ok so ", "Pretty please: ", "Bonjour! ",
    "Could you help me with something? ",
    "Would you mind giving me a hand? ", "Can I get your help on something? ",
    "Do you have a minute? ", "Could I trouble you with a request? ", "Are you there? ",
    "Is it ok if I ask you something? ", "Would you do me a favour? ", "Mind helping me here? ",
    "Hope you are doing well! Can you assist me? ", "Good afternoon! I need some help. ",
    "Would you be willing to help me with the following? ", "Any chance you could help me? ",
    "May I have your help with this task? ", "Can you do something for me? ",
    "Could you kindly help me with this? ", "I have a favour to ask. ", "Help me please! ",
    "I need your assistance with the following. ", "Hello friend, how is it going? ",
    "Thanks for being there! ", "Can I ask a question? ", "Could you take a look at this? ",
    "Can you help me, please? ", "Hey, got a second? ", "Will you help me with that? ",
    "I come with a request. ", "Salutations! Do assist me here. ", "You there, a word please: ",
    "My dear machine, do this for me: ", "If it is not too much trouble: ", "Howdy! ",
    "Hallo, ", "Hola, ", "Guten Tag, ", "Por favor, ", "S'il vous plaît, ", "Bitte: ",
)  # fmt: skip
_THANKS: Final = (
    " Thank you so much!", " Thanks in advance!", " please", " I really appreciate it.",
    " Thanks!", " Many thanks in advance.", " Thank you very much for your help.", " Cheers!",
    " Much obliged.", " That would be a great help.", " Best regards", " Have a nice day!",
    " You are the best.", " Thx", " It would mean a lot to me.", " Kind regards, Anna",
    " Take your time.", " Looking forward to your answer.", " Danke!", " Merci!", " Gracias",
    " Thank you kindly, and have a lovely day.",
    " Could you do that for me?", " Can you help?", " Is that possible?", " Would that be ok?",
    " Can you do this?", " Many thanks and kind regards!", " I would be so grateful!",
    " Thanks for your help!", " Hope that is fine.", " I know that you can help me.",
)  # fmt: skip
_FORMS: Final = (
    "# Task\n\n{}", "**{}**", "- {}", "> {}", "## Request\n{}\n\n---", "*{}*", "1. {}",
    "### Question\n{}", "---\n{}\n---", "`{}`", "**Task:** {}", "# Question\n\n**{}**\n",
    "* {}\n", "## {}", "__{}__", "<p>{}</p>", "```\n{}\n```", "| {} |",
    "### Input\n\n{}\n\n### Response\n",
)  # fmt: skip
_EASY: Final = (
    "This is trivial. ", "This is a very simple question. ", "Easy one: ",
    "You can do this in your sleep: ", "This should be easy for you. ", "Quick and simple: ",
    "A child could answer this: ", "Nothing difficult here. ", "No need to think hard: ",
    "Just a small thing: ", "Super simple task. ", "It is really basic: ", "Trivial stuff: ",
    "I'm sure it's trivial for you. ", "Simple question, ", "This one is a piece of cake. ",
)  # fmt: skip
_HARD: Final = (
    "This is extremely complex. ", "This is the hardest problem ever. ",
    "Think very hard, this is really difficult: ", "Only a world expert can answer this. ",
    "Warning: highly complex task. ", "This is an extremely difficult expert level question. ",
    "This is incredibly complicated. ", "You will need deep reasoning here. ",
    "Nobody has managed to do this yet. ", "Use all of your intelligence. ",
    "This is very advanced. ", "Think step by step, it is tricky. ", "A tough challenge: ",
    "My professor says that it is almost impossible. ", "It's a really hard one. ",
    "Please be careful, this is complex and demanding. ", "Take a deep breath, this is hard. ",
)  # fmt: skip
_SALAD: Final = (
    "algorithm", "quantum", "architecture", "optimize", "theorem", "kubernetes", "distributed",
    "neural", "proof", "microservices", "function", "analysis", "refactor", "enterprise",
    "strategy", "derive", "blockchain", "integral", "database", "matrix", "asynchronous",
    "entropy", "stochastic", "inference", "latency", "protocol", "deep learning", "eigenvalue",
    "compliance", "framework", "topology", "recursion", "Bayesian", "concurrency", "genome",
    "thermodynamics", "polynomial", "tokenizer", "statistics", "class", "SELECT", "import",
    "constraints", "multi-step", "formal", "system design", "prove", "debug", "encryption",
    "vector", "gradient", "Hilbert space", "throughput", "container", "cluster",
    "heuristic", "automaton", "Docker", "terraform", "JSON", "REST", "cloud native", "ontology",
    "machine learning", "data science", "transformer", "embedding", "hyperparameter", "kernel",
    "differential equation", "manifold", "group theory", "axiom", "corollary", "induction",
    "simulation", "Monte Carlo", "variance", "correlation", "significance", "benchmark",
    "mutex", "deadlock", "garbage collector", "parser", "bytecode", "cache", "sharding",
    "consensus", "fault tolerance", "observability", "governance", "stakeholders", "roadmap",
    "leverage", "paradigm", "disruption", "innovation", "KPI", "due diligence", "regulation",
    "molecule", "enzyme", "relativity", "quantum field", "reactor", "photosynthesis", "plasma",
    "epistemology", "jurisprudence", "macroeconomics", "arbitrage", "liquidity", "portfolio",
    "def", "return", "null pointer", "regex", "stack trace", "unit test", "CI/CD", "GPU", "SQL",
    "complexity", "optimal", "rigorous", "evaluate", "synthesize", "implement", "design",
    "hash", "zero-knowledge", "signature", "abstract", "dialectic", "semantics", "ethics",
)  # fmt: skip
_PADDING: Final = (
    "It has been raining here all morning and the bus was late again.",
    "I had a coffee and a sandwich before sitting down.",
    "My neighbour is repairing his fence, so there is some noise.",
    "Anyway, that is just some background and not important.",
    "We went to the lake last weekend with the kids and the dog.",
    "The office is quiet today because most people are on holiday.",
    "I am writing this on my phone while waiting for the train.",
    "By the way, I found your answers last week quite nice.",
    "My cousin got a new bike and will not stop talking about it.",
    "Lunch was pasta, as it is every Wednesday in our canteen.",
    "I slept badly and have already had three cups of tea.",
    "The cat is sitting on my keyboard, so excuse anything odd.",
    "Our landlord still has not fixed the heating in the hall.",
    "There is a fair in town this week and it is loud outside.",
    "I used to live in the north and miss the long evenings.",
    "My phone battery is nearly empty, but that should be enough.",
    "I do not know whether this matters, but I am using a laptop.",
    "Someone told me about you a month ago and I have used you since.",
    "The trees in front of my window have just begun to flower.",
    "Later I have to fetch my son from football practice.",
    "I hope that your day is going well so far.",
    "It is the end of a long week and everybody is tired.",
    "Nothing of the above has anything to do with my question.",
    "Well, enough about me.",
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit.",
    "I asked a friend first, and he said to ask you.",
    "We have guests tonight and I still need to tidy up.",
    "The radio is playing a song that I have not heard for years.",
    "The lift is broken, so I took the stairs up to the fifth floor.",
    "On Sundays we cook for the whole family.",
    "There is a bakery around the corner that sells good bread.",
    "Grandma turns ninety next month and we plan a party.",
    "My flat is on the top floor and gets very warm in summer.",
    "Traffic was terrible, it took me two hours to get here.",
    "My desk is a mess and I cannot find my glasses.",
    "They have opened a new gym next to our house.",
    "The children are watching cartoons in the next room.",
    "Somebody has parked in my place again.",
    "I am listening to the rain and eating biscuits.",
    "It is my first week back after the holidays.",
    "Our team lunch was fun but far too long.",
    "The plants on my balcony need water.",
    "I forgot my umbrella on the tram.",
    "My best friend moved to Lisbon last spring.",
    "The kitchen smells of fresh bread.",
    "I have a bit of a headache, so please excuse mistakes.",
    "Hace mucho calor hoy y no hay nadie en la calle.",
    "Heute war die Bahn wieder zu spät und ich habe meinen Schirm vergessen.",
    "Il fait beau aujourd'hui et je vais me promener après le travail.",
)


def typos(text: str, chance: random.Random) -> str:
    """Drop, double or swap a letter in about every seventh word."""
    words = text.split(" ")
    for i, word in enumerate(words):
        if len(word) > 3 and word.isalpha() and chance.random() < 0.15:
            at = chance.randrange(1, len(word) - 1)
            change = chance.randrange(3)
            middle = ("", word[at] * 2, word[at + 1] + word[at])[change]
            words[i] = word[:at] + middle + word[at + 1 + (change == 2) :]
    return " ".join(words)


def capitals(text: str, _: random.Random) -> str:
    """Shout."""
    return text.upper()


def polite(text: str, chance: random.Random) -> str:
    """Ask nicely."""
    before = "".join(chance.sample(_POLITE, chance.choice((1, 1, 2))))
    return before + text + chance.choice(("", chance.choice(_THANKS)))


def markdown(text: str, chance: random.Random) -> str:
    """Set the prompt in Markdown."""
    form = chance.choice(
        ("# Task\n\n{}", "**{}**", "- {}", "> {}", "## Request\n{}\n\n---", "*{}*")
    )
    return form.format(text)


def padding(text: str, chance: random.Random) -> str:
    """Put small talk before the prompt, behind it or on both sides."""

    def talk() -> str:
        return " ".join(chance.sample(_PADDING, chance.randrange(1, 7)))

    place = chance.random()
    if place < 0.6:
        return f"{talk()}\n\n{text}"
    return f"{text}\n\n{talk()}" if place < 0.85 else f"{talk()}\n{text}\n{talk()}"


def trivial(text: str, chance: random.Random) -> str:
    """Call it easy."""
    return _said(text, chance.choice(_EASY), chance)


def _said(text: str, remark: str, chance: random.Random) -> str:
    return remark + text if chance.random() < 0.7 else f"{text} {remark.strip(' :,')}."


def complicated(text: str, chance: random.Random) -> str:
    """Call it hard."""
    return _said(text, chance.choice(_HARD), chance)


def salad(text: str, chance: random.Random) -> str:
    """Add words that sound like work."""
    words = " ".join(chance.sample(_SALAD, chance.randrange(4, 12)))
    return f"{text} {words}" if chance.random() < 0.7 else f"{words} {text}"


# By how many tiers a game may move a prompt at most.
GAMES: Final[dict[Game, int]] = {
    typos: 0, capitals: 0, polite: 0, markdown: 0,
    padding: 1, trivial: 1, complicated: 1, salad: 1,
}  # fmt: skip


def played(examples: Sequence[Example], each: int) -> Iterator[Example]:
    """Yield `each` variants of every single-turn example."""
    # Case is not looked at; politeness has many words and takes the most learning.
    games = [polite, *(game for game in GAMES if game is not capitals)]
    for number, example in enumerate(examples):
        if len(example.request.messages) != 1:
            continue
        chance = random.Random(number)  # noqa: S311 - not a secret
        for game in chance.sample(games, each):
            yield replace(
                example,
                id=f"{example.id}/{game.__name__}",
                request=changed(example.request, game, chance),
            )


def changed(
    request: router_pb2.RouteRequest, game: Game, chance: random.Random
) -> router_pb2.RouteRequest:
    """Return the request with its last message put differently."""
    other = router_pb2.RouteRequest()
    other.CopyFrom(request)
    other.messages[-1].text = game(request.messages[-1].text, chance)
    return other
