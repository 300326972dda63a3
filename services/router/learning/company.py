"""Word vectors from the company words keep, before any label is looked at.

Words that stand near the same words get like vectors: positive pointwise mutual information of
words and their neighbours, reduced by a singular value decomposition (Levy & Goldberg, NeurIPS
2014). The neighbours counted are English: a word of another language keeps company with all
words of the English prompt that says the same, and a word of the lexicon takes the vector of its
meaning. So what labels teach of one word is taught of words like it, in any language.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.router import words
from services.router.classify import COLUMNS, VALUES
from services.router.features import Floats, extract
from services.router.learning.batches import Vocabulary
from services.router.learning.examples import Example
from services.router.words import Ints

MOST_WORDS: Final = 30_000
NEIGHBOURS: Final = 1_500  # how many words count as company
REACH: Final = 4  # words to each side
DOUBT: Final = np.float32(2)  # a pair met so often counts half: rare ones say little
SMOOTHING: Final = 0.75  # of how frequent neighbours are: rare ones would count too much
SPREAD: Final = np.float32(0.3)  # standard deviation of the values
SHRINK: Final = 2.0  # words that a gram must be in to count half

Said = tuple[list[str], list[str]]


@dataclass(frozen=True, eq=False)
class _Texts:
    """Words as numbers: `pairs` of a word and a neighbour, each with how often it was seen."""

    index: dict[str, int]
    pairs: Ints
    seen: Floats


def table(chosen: Sequence[Example], ties: Sequence[Said]) -> Floats:
    """Return (2^WORD_BITS, COLUMNS + VALUES) first weights: no scores, values by company."""
    texts = _read(chosen)
    vectors = _vectors(texts)
    known = {word: vectors[i] for word, i in texts.index.items()}
    known |= _by_meaning(known, ties)
    return _laid_out(known)


def _read(chosen: Sequence[Example]) -> _Texts:
    turns = [_turn(example) for example in chosen]
    counts = Counter(word for turn in turns for word in turn)
    common = [word for word, count in counts.most_common(MOST_WORDS) if count > 1]
    index = {word: i for i, word in enumerate(common)}
    english = Counter(
        word for e, turn in zip(chosen, turns, strict=True) if e.lang == "en" for word in turn
    )
    near = {word: i for i, (word, _) in enumerate(english.most_common(NEIGHBOURS))}
    meanings = {
        e.id.split("/")[0]: turn
        for e, turn in zip(chosen, turns, strict=True)
        if e.lang == "en" and e.id.endswith("/en")
    }
    found = [
        keys
        for e, turn in zip(chosen, turns, strict=True)
        for keys in _met(turn, meanings.get(e.id.split("/")[0]), e.lang, index, near)
    ]
    pairs, seen = np.unique(np.concatenate(found), return_counts=True)
    return _Texts(index, pairs, seen.astype(np.float32))


def _turn(example: Example) -> list[str]:
    features = extract(example.request)
    return features.passages[features.turn].words


def _met(
    turn: Sequence[str],
    meaning: Sequence[str] | None,
    lang: str,
    index: Mapping[str, int],
    near: Mapping[str, int],
) -> Iterator[Ints]:
    """Yield word * NEIGHBOURS + neighbour for each meeting of the two."""
    said = np.array([index.get(word, -1) for word in turn])
    if meaning is not None:
        other = np.array([near.get(word, -1) for word in meaning])
        yield _keys(np.repeat(said, len(other)), np.tile(other, len(said)))
    if lang == "en":
        other = np.array([near.get(word, -1) for word in turn])
        for apart in range(1, min(REACH, len(turn) - 1) + 1):
            yield _keys(said[apart:], other[:-apart])
            yield _keys(said[:-apart], other[apart:])


def _keys(said: Ints, other: Ints) -> Ints:
    known = (said >= 0) & (other >= 0)
    keys: Ints = said[known] * NEIGHBOURS + other[known]
    return keys


def _vectors(texts: _Texts) -> Floats:
    """Return a vector of VALUES for each word, 0 for one that met nobody."""
    met = np.zeros((len(texts.index), NEIGHBOURS), np.float32)
    met.reshape(-1)[texts.pairs] = texts.seen
    # As many columns as there are neighbours, and as the vectors have values.
    used = int((texts.pairs % NEIGHBOURS).max(initial=0)) + 1
    met = np.ascontiguousarray(met[:, : max(used, VALUES)])
    sure = met / (met + DOUBT)
    often = met.sum(axis=1, keepdims=True)
    common = met.sum(axis=0) ** SMOOTHING
    common /= max(float(common.sum()), 1e-9)
    met /= np.maximum(often, 1) * np.maximum(common, np.float32(1e-9))
    np.log(np.maximum(met, 1, out=met), out=met)
    met *= sure
    strengths, directions = np.linalg.eigh((met.T @ met).astype(np.float64))
    best = directions[:, -VALUES:] / np.maximum(strengths[-VALUES:], 1e-9) ** 0.25
    vectors: Floats = met @ best.astype(np.float32)
    lengths = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    vectors *= SPREAD * np.float32(VALUES**0.5) / np.maximum(lengths, np.float32(1e-9))
    return vectors


def _by_meaning(known: Mapping[str, Floats], ties: Sequence[Said]) -> dict[str, Floats]:
    """Return the mean vector of the English expressions that each foreign word stands for."""
    found: dict[str, list[Floats]] = defaultdict(list)
    for said, meant in ties:
        vectors = [known[word] for word in meant if word in known]
        if vectors:
            for word in said:
                found[word].append(np.mean(vectors, axis=0) / len(said) ** 0.5)
    return {word: np.mean(vectors, axis=0) for word, vectors in sorted(found.items())}


def _laid_out(known: Mapping[str, Floats]) -> Floats:
    """Spread vectors over the rows that words are made of: grams first, the word has the rest."""
    vocabulary = Vocabulary.of(list(known))
    vectors = np.stack(list(known.values()))
    laid = np.zeros((2**words.WORD_BITS, VALUES), np.float32)
    laid[:] = _mean(vocabulary.grams, np.repeat(vectors, vocabulary.counts, axis=0), SHRINK)
    grams = np.add.reduceat(laid[vocabulary.grams], vocabulary.starts, axis=0)
    grams /= vocabulary.counts[:, None].astype(np.float32)
    rest: Floats = vectors - grams
    laid += _mean(vocabulary.own, rest, 0.0)
    return np.concatenate((np.zeros((len(laid), COLUMNS), np.float32), laid), axis=1)


def _mean(rows: Ints, vectors: Floats, shrink: float) -> Floats:
    """Return the mean of the vectors that fall on each row of the table, drawn towards 0."""
    order = np.argsort(rows, kind="stable")
    distinct, runs = np.unique(rows[order], return_index=True)
    counts = np.diff(runs, append=len(rows)).astype(np.float32)
    laid = np.zeros((2**words.WORD_BITS, vectors.shape[1]), np.float32)
    sums = np.add.reduceat(vectors[order], runs, axis=0)
    laid[distinct] = sums / (counts[:, None] + np.float32(shrink))
    return laid
