"""Which titles of a list lead to others of it: what lists of links, articles and ids tell of their
redirects."""

import re
import unicodedata
from collections import Counter, defaultdict
from typing import DefaultDict, Dict, Iterable, List, Mapping, Set, Tuple

from spacy_genre.titles.redirects import resolve_redirects

# Targets of links may be redirects; the other lists are of articles. That a title is a benchmark's
# answer is no evidence here.
LINKED = frozenset({"wtq_links", "gensim_enwiki_sample", "benchmark_gold"})
WORD = re.compile(r"[^\W\d_]+")
DASHES = re.compile(r"[-‐-―]")
# "Charles E Winter"; but ".cat" is no Cat.
POINT = re.compile(r"(?<=\w)\.")
# "Sly & the Family Stone"; but "Help!", "M*A*S*H" and "...Phobia" are others.
WRITTEN = str.maketrans({"&": " and ", "’": "'", "ʻ": "'", "`": "'", '"': "'"})


def find_redirects(
    seen_in: Mapping[str, str], links: Iterable[Tuple[str, str, int]], titles_of: Iterable[Set[str]]
) -> Dict[str, str]:
    """The titles that differ from another only in case, accents, dashes, points and the like; those
    that have the Wikidata id of another; and the acronyms of others.

    Of such titles the one counts that is in a list of articles, then that to which more links lead,
    then that with fewer capitals. Where two are in lists of articles, only their id can tell that
    they are one.

    seen_in (Mapping[str, str]): For each title the lists that have it, with commas between.
    links (Iterable[Tuple[str, str, int]]): Words of links, the title to which they lead, and how
        often.
    titles_of (Iterable[Set[str]]): For each Wikidata id its titles.
    RETURNS (Dict[str, str]): Each title that leads to another, and that.
    """

    counts: Counter[str] = Counter()
    meant: DefaultDict[str, Counter[str]] = defaultdict(Counter)
    for words, title, count in links:
        counts[title] += count
        if words in seen_in and title in seen_in and words in (title, initials(title)):
            meant[words][title] += count

    def rank(title: str) -> tuple:
        return (only_linked(title), -counts[title], sum(map(str.isupper, title)), title)

    def only_linked(title: str) -> bool:
        return LINKED.issuperset(seen_in[title].split(","))

    found: Dict[str, str] = {}
    for titles in written_alike(seen_in):
        best = min(titles, key=rank)
        found.update({t: best for t in titles if t != best and only_linked(t)})
    for acronym, targets in meant.items():
        best = targets.most_common(1)[0][0]
        if len(acronym) > 1 and acronym != best and only_linked(acronym):
            found[acronym] = best
    for same in titles_of:
        known = {found.get(title, title) for title in same if title in seen_in}
        if len(known) > 1 and not _qualified(known):
            best = min(known, key=rank)
            found.update({title: best for title in known if title != best})
    return resolve_redirects(found, seen_in.keys() - found.keys())[0]


def written_alike(titles: Iterable[str]) -> List[List[str]]:
    """The groups of two titles or more that are one but for how they are written. A word in
    capitals is a name of its own (INTEGRAL, A.N.I.M.A.L.)."""
    groups: Dict[str, List[str]] = defaultdict(list)
    for title in titles:
        bare = POINT.sub("", title)
        if not (bare.isupper() and bare.isalpha()):
            groups[plain(title)].append(title)
    return [group for group in groups.values() if len(group) > 1]


def plain(title: str) -> str:
    """A title without case, accents, and other differences of writing."""
    title = POINT.sub("", title.translate(WRITTEN))
    letters = unicodedata.normalize("NFKD", title.casefold())
    letters = "".join(c for c in letters if not unicodedata.combining(c))
    return " ".join(DASHES.sub("-", letters).split())


def initials(title: str) -> str:
    """The first letters of a title's words, but of small ones ("University of Nevada")."""
    return "".join(word[0] for word in WORD.findall(title) if word[0].isupper())


def _qualified(titles: Set[str]) -> bool:
    """Whether one is the start of another ("Georgia", "Georgia (U.S. state)"): as a title of its
    own, that means many things."""
    return any(b.startswith((f"{a} ", f"{a},")) for a in titles for b in titles if a != b)
