"""Restoring the capitals of Wikipedia titles in lower case.

A title that a list knows in its true spelling is looked up. For any other one there are two
questions. How is a word written in a name: "Nasa" or "NASA", "Mcdonald" or "McDonald"? This is
taken from the words of known titles and from the frequencies of words in running text. And are the
common words of this title capitalized, as in "Vietnam War" and "Iron Man", or not, as in "Siberian
tiger"? A logistic regression decides it, trained on the known titles.
"""

import math
import re
from collections import Counter, defaultdict
from functools import cache
from typing import (
    DefaultDict,
    Dict,
    FrozenSet,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

import numpy as np

# Words that are not capitalized inside a title.
SMALL = frozenset(
    """
    a al an and as at bin bint but by da de del der di do dos du e el en et for from ibn in la nor
    of on or per than the to ul upon uz van von vs with y & 'n'
    """.split()  # noqa: SIM905
)
PIECE = re.compile(r"[\s\-–/]+|[^\s\-–/]+")
SEPARATORS = tuple(" -–/\t")
IN_PARENTHESES = re.compile(r" \([^()]*\)$")
# "McDonald", "O'Brien"
PREFIXED = re.compile(r"(mc|o['’]|d['’])(\w{3,})")
ROMAN = re.compile(r"(?!mix$|vi$|xi$|di$|mi$)(?:x{0,3})(?:ix|iv|v?i{0,3})|xl[iv]+")
INITIALS = re.compile(r"(?:\w\.)+\w?")
NEVER = -20.0  # the log probability of a word that a text never has
CERTAIN = 9.0


class Restored(NamedTuple):
    """A title with its capitals.

    title (str): The title.
    confidence (float): The absolute log odds of the least certain decision.
    """

    title: str
    confidence: float


def pieces(title: str) -> List[str]:
    """The words of a title, without the spaces, hyphens and slashes between them."""
    return [piece for piece in PIECE.findall(title) if not piece.startswith(SEPARATORS)]


def ucfirst(text: str) -> str:
    """Capitalize the first letter, after a quotation mark if there is one."""
    start = 1 if text[:1] in "\"'ʻ" and len(text) > 2 else 0
    return text[:start] + text[start : start + 1].upper() + text[start + 1 :]


class WordForms:
    """How words are written, in running text and in names."""

    def __init__(
        self, logprobs: Mapping[str, float], dictionary: Iterable[str], names: Iterable[str]
    ):
        """logprobs (Mapping[str, float]): The log probability of each word form in running text.
        dictionary (Iterable[str]): Common words, in lower case.
        names (Iterable[str]): Names in their true spelling.
        """
        self._logprobs: DefaultDict[str, Dict[str, float]] = defaultdict(dict)
        for form, logprob in logprobs.items():
            self._logprobs[form.lower()][form] = logprob
        self._dictionary = frozenset(dictionary)
        self._in_names: DefaultDict[str, Counter[str]] = defaultdict(Counter)
        for name in names:
            for form in pieces(IN_PARENTHESES.sub("", name)):
                if form != form.lower():
                    self._in_names[form.lower()][form] += 1

    def logprob(self, form: str) -> float:
        """The log probability of a word form in running text."""
        return self._logprobs.get(form.lower(), {}).get(form, NEVER)

    @cache  # noqa: B019 (one object lives as long as the program)
    def commonness(self, word: str) -> float:
        """The log odds that a word is in lower case in running text."""
        others = [p for form, p in self._logprobs.get(word, {}).items() if form != word]
        return self.logprob(word) - max(others, default=NEVER)

    def is_common(self, word: str) -> bool:
        """Whether a word (in lower case) is a common one, such as "tiger"."""
        word = re.sub(r"['’]s?$", "", word)
        return self.commonness(word) > (-2.5 if word in self._dictionary else 0.7)

    def in_name(self, word: str) -> Tuple[str, bool]:
        """The form of a word in a name.

        word (str): The word, in lower case.
        RETURNS (Tuple[str, bool]): Its form, and whether it is certain.
        """
        if word in self._in_names:
            (form, count), *others = self._in_names[word].most_common()
            if count > 1 or not form.isupper():  # one may be a shouting brand
                return form, not others or count > 3 * others[0][1]
        match = PREFIXED.fullmatch(word)
        usual = match[1].capitalize() + match[2].capitalize() if match else ucfirst(word)
        if ROMAN.fullmatch(word) or INITIALS.fullmatch(word):
            return word.upper(), True
        if not re.search("[aeiouyà-ÿ']", word) and 2 <= len(word) <= 5 and word.isalpha():
            return word.upper(), self.logprob(usual) < self.logprob(word.upper()) + 1
        forms = self._logprobs.get(word, {})
        unusual = {
            f: p for f, p in forms.items() if f not in (word, usual) and p > -18 and "'" not in f
        }
        if not unusual:
            return usual, True
        form = max(unusual, key=lambda f: unusual[f])
        lead = unusual[form] - forms.get(usual, NEVER)
        if form.isupper():  # an acronym, or somebody shouting
            lead -= 0.5 if len(word) <= 5 and not self.is_common(word) else 9
            return (form, lead > 2) if lead > 0 else (usual, lead < -1.5)
        if len(word) <= 3 or not form[:1].isupper():
            return usual, True
        return (form, lead > 0.5) if lead > -1.5 else (usual, lead < -2.5)


class Capitals:
    """Restores the capitals of titles."""

    def __init__(
        self,
        known: Iterable[str],
        seen: Mapping[str, str],
        words: WordForms,
        categories: Mapping[str, str],
    ) -> None:
        """known (Iterable[str]): Titles in their true spelling. Of two that differ only in
            capitals, the first one counts.
        seen (Mapping[str, str]): How phrases (in lower case) are written in dictionaries and texts,
            where a phrase may mean something else than the title.
        words (WordForms): The forms of words.
        categories (Mapping[str, str]): The category of some nouns, for example "animal".
        """
        self.words = words
        self._seen = seen
        self._categories = categories
        self._known: Dict[str, str] = {}
        for title in known:
            self._known.setdefault(title.lower(), title)
        examples = [
            (name.lower(), kind)
            for name in sorted(self._known.values())
            if (kind := self._capitalized(IN_PARENTHESES.sub("", name))) is not None
        ]
        features = [self._features(name) for name, _ in examples]
        self._weights = fit([*features], [label for _, label in examples])

    def restore(self, title: str) -> Restored:
        """Restore the capitals of a title in lower case."""
        if title in self._known:
            return Restored(self._known[title], CERTAIN)
        restored = self._by_rule(title)
        seen = ucfirst(self._seen.get(title, restored.title))
        if title in self._seen and seen == restored.title:
            return Restored(seen, CERTAIN)
        return restored if seen == restored.title else Restored(seen, min(0.9, restored.confidence))

    def _by_rule(self, title: str) -> Restored:
        parts = PIECE.findall(title)
        at = [i for i, part in enumerate(parts) if not part.startswith(SEPARATORS)]
        log_odds = CERTAIN
        if any(self._is_open(parts[i]) for i in at[1:]):
            log_odds = math.fsum(self._weights.get(f, 0.0) for f in self._features(title))
        elif self.words.is_common(parts[at[0]]):
            log_odds = -CERTAIN
        certain = True
        for i in at:
            word = parts[i]
            starts = i == at[0] or parts[i - 1].strip() == "–"
            if word in SMALL and not starts and i != at[-1]:
                continue
            is_common = self.words.is_common(word) and (log_odds < 0 or word in SMALL)
            if not is_common:
                parts[i], is_certain = self.words.in_name(word)
                certain = certain and is_certain
                if i == at[-1] and self._is_korean(parts):
                    parts[i] = word
            if starts:
                parts[i] = ucfirst(parts[i])
        return Restored("".join(parts), abs(log_odds) if certain else min(1.0, abs(log_odds)))

    @staticmethod
    def _is_korean(parts: Sequence[str]) -> bool:
        """Whether these are the parts of a name like "Ban Ki-moon"."""
        separators = [part for part in parts if part.startswith(SEPARATORS)]
        names = [part for part in parts if part not in separators]
        return separators == [" ", "-"] and len(names[0]) <= 4 and max(map(len, names[1:])) <= 5

    def _is_open(self, word: str) -> bool:
        """Whether the capital of a word depends on the title."""
        return word not in SMALL and word[:1].isalpha() and self.words.is_common(word)

    def _capitalized(self, name: str) -> Optional[bool]:
        """Whether the common words of a known title are capitalized. None if it doesn't tell."""
        words = [word for word in pieces(name)[1:] if self._is_open(word.lower())]
        if not words or ", " in name or re.search(r"[\d:]", name):
            return None
        share = sum(word[:1].isupper() for word in words) / len(words)
        return None if 0.2 < share < 0.8 else share > 0.5

    def _category(self, noun: str) -> Optional[str]:
        singular = noun[:-1] if noun.endswith("s") and not noun.endswith("ss") else noun
        return self._categories.get(noun) or self._categories.get(singular)

    def _features(self, title: str) -> FrozenSet[str]:
        """Features of a lower-cased title: its words, their endings, categories, commonness."""
        words = pieces(title)
        first, last = words[0], words[-1]
        small = [i for i, word in enumerate(words) if i and word in SMALL]
        head = words[small[0] - 1] if small else last  # "capital punishment in the United States"
        found = {"bias", f"length {min(len(words), 5)}", f"hyphen {'-' in title}"}
        found |= {
            f"head {head}",
            f"head ends {head[-3:]}",
            f"small {words[small[0]] if small else None}",
        }
        found.add(f"head category {self._category(head)}")
        found.add(f"head is plural {self._category(head) != self._categories.get(head)}")
        found.add(
            f"head is first {head == first} and first is common {self.words.is_common(first)}"
        )
        found |= {f"word {word}" for word in words[1:]}
        found |= {f"first {first}", f"last {last}", f"first ends {first[-3:]}"}
        found |= {f"last ends {last[-3:]}", f"last ends {last[-4:]}"}
        found.add(f"category {self._category(last)}")
        found.add(f"first category {self._category(first)}")
        found.add(f"first is common {self.words.is_common(first)}")
        contents = [word for word in words if word not in SMALL] or words
        found.add(f"all common {all(self.words.is_common(word) for word in contents[1:])}")
        odds = [max(-4.0, min(4.0, self.words.commonness(word))) for word in contents]
        found.add(f"commonness {round(sum(odds) / len(odds))}")
        found |= {f"commonness of first {round(odds[0])}", f"commonness of last {round(odds[-1])}"}
        found.add(f"rarity {round(min(map(self.words.logprob, words)) / 2)}")
        return frozenset(found)


def fit(
    features: Sequence[Iterable[str]], labels: Sequence[bool], *, l2: float = 1.0, steps: int = 300
) -> Dict[str, float]:
    """Fit a logistic regression on binary features, with Adam on all examples at once.

    features (Sequence[Iterable[str]]): [N], the features of each example.
    labels (Sequence[bool]): [N].
    l2 (float): The strength of the L2 penalty.
    steps (int): The number of steps.
    RETURNS (Dict[str, float]): The weight of each feature.
    """
    index: Dict[str, int] = {}
    columns = [[index.setdefault(f, len(index)) for f in sorted(found)] for found in features]
    rows = np.repeat(np.arange(len(columns)), [len(found) for found in columns])
    flat = np.concatenate([np.asarray(found) for found in columns])
    target = np.asarray(labels, float)
    weights, mean, square = (np.zeros(len(index)) for _ in range(3))
    for step in range(1, steps + 1):
        predicted = 1 / (1 + np.exp(-np.bincount(rows, weights[flat], len(columns))))
        gradient = np.bincount(flat, (predicted - target)[rows], len(index)) + l2 * weights
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.99 * square + 0.01 * gradient**2
        rate = 0.05 * math.sqrt(1 - 0.99**step) / (1 - 0.9**step)
        weights -= rate * mean / (np.sqrt(square) + 1e-8)
    return dict(zip(index, weights.tolist(), strict=True))
