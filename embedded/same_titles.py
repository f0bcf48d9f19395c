"""Find titles that stand for the same page, from lists of titles, links and Wikidata ids."""

import re
import unicodedata
from collections import Counter, defaultdict
from typing import DefaultDict, Dict, Iterable, List, Mapping, Set, Tuple

from spacy_genre.titles.redirects import resolve_redirects

# Lists that may contain redirects: targets of links. All other lists contain articles only. A title
# that is the answer of a benchmark counts as a link target here.
LINKED = frozenset({"wtq_links", "gensim_enwiki_sample", "benchmark_gold"})
WORD = re.compile(r"[^\W\d_]+")
DASHES = re.compile(r"[-‐-―]")
# "Charles E. Winter" is "Charles E Winter", but ".cat" is not "Cat".
POINT = re.compile(r"(?<=\w)\.")
# "Sly & the Family Stone" is "Sly and the Family Stone", but other punctuation tells titles apart:
# "Help!", "M*A*S*H", "...Phobia".
SPELLINGS = str.maketrans({"&": " and ", "’": "'", "ʻ": "'", "`": "'", '"': "'"})


def find_redirects(
    lists_of: Mapping[str, str],
    links: Iterable[Tuple[str, str, int]],
    title_groups: Iterable[Set[str]],
) -> Dict[str, str]:
    """Find titles that are redirects to another title of the same set.

    These are titles that differ from another one only in case, accents, dashes, points and the
    like, acronyms of another one, and titles with the Wikidata id of another one.

    The target is the title that is in a list of articles; then the one with the most links; then
    the one with the fewest capitals. Two titles that are both in lists of articles are the same
    only if they share an id.

    lists_of (Mapping[str, str]): For each title the lists that contain it, separated by commas.
    links (Iterable[Tuple[str, str, int]]): The text of a link, its title, and how often it occurs.
    title_groups (Iterable[Set[str]]): For each Wikidata id its titles.
    RETURNS (Dict[str, str]): For each redirect its target.
    """
    n_links: Counter[str] = Counter()
    acronyms: DefaultDict[str, Counter[str]] = defaultdict(Counter)
    for text, title, count in links:
        n_links[title] += count
        if text in lists_of and title in lists_of and text in (title, initials(title)):
            acronyms[text][title] += count

    def rank(title: str) -> tuple:
        return (only_linked(title), -n_links[title], sum(map(str.isupper, title)), title)

    def only_linked(title: str) -> bool:
        return LINKED.issuperset(lists_of[title].split(","))

    redirects: Dict[str, str] = {}
    for titles in same_spelling(lists_of):
        best = min(titles, key=rank)
        redirects.update({t: best for t in titles if t != best and only_linked(t)})
    for acronym, targets in acronyms.items():
        best = targets.most_common(1)[0][0]
        if len(acronym) > 1 and acronym != best and only_linked(acronym):
            redirects[acronym] = best
    for group in title_groups:
        same = {redirects.get(title, title) for title in group if title in lists_of}
        if len(same) > 1 and not _qualified(same):
            best = min(same, key=rank)
            redirects.update({title: best for title in same if title != best})
    return resolve_redirects(redirects, lists_of.keys() - redirects.keys())[0]


def same_spelling(titles: Iterable[str]) -> List[List[str]]:
    """Group titles that differ only in spelling. Titles in capitals are left out: they are names
    of their own (INTEGRAL, A.N.I.M.A.L.).

    RETURNS (List[List[str]]): The groups of at least two titles.
    """
    groups: Dict[str, List[str]] = defaultdict(list)
    for title in titles:
        letters = POINT.sub("", title)
        if not (letters.isupper() and letters.isalpha()):
            groups[fold(title)].append(title)
    return [group for group in groups.values() if len(group) > 1]


def fold(title: str) -> str:
    """A title without case, accents and other differences in spelling."""
    title = POINT.sub("", title.translate(SPELLINGS))
    letters = unicodedata.normalize("NFKD", title.casefold())
    letters = "".join(c for c in letters if not unicodedata.combining(c))
    return " ".join(DASHES.sub("-", letters).split())


def initials(title: str) -> str:
    """The first letters of the capitalized words of a title."""
    return "".join(word[0] for word in WORD.findall(title) if word[0].isupper())


def _qualified(titles: Set[str]) -> bool:
    """Whether one title is another one with a qualifier ("Georgia", "Georgia (U.S. state)"). The
    shorter one is ambiguous, so the two are not the same."""
    return any(b.startswith((f"{a} ", f"{a},")) for a in titles for b in titles if a != b)
