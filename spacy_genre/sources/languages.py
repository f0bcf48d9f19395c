"""What differs between wikis of different languages: names of namespaces, letters around links,
redirects and disambiguation pages.

`languages.json` has the languages. Its names are those of MediaWiki's message files and of the
configuration of the Wikipedias (as `action=query&meta=siteinfo` shows it).
"""

import json
import re
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Dict, FrozenSet, Iterable, Mapping, Optional, Tuple

# The English names of namespaces, which are valid in every wiki, by number. The first name of a
# number is the canonical one.
CANONICAL_NAMESPACES = {
    **{"Media": -2, "Special": -1, "Talk": 1, "User": 2, "User talk": 3},
    **{"Project": 4, "Project talk": 5, "WP": 4, "WT": 5},
    **{"File": 6, "File talk": 7, "Image": 6, "Image talk": 7},
    **{"MediaWiki": 8, "MediaWiki talk": 9, "Template": 10, "Template talk": 11},
    **{"Help": 12, "Help talk": 13, "Category": 14, "Category talk": 15},
    **{"TimedText": 710, "TimedText talk": 711, "Module": 828, "Module talk": 829},
}
# Every wiki has the namespaces up to this number. Others are a wiki's own or those of extensions.
MAX_CORE_NAMESPACE = 15
FILE, CATEGORY = 6, 14
# Codes of databases that have another code elsewhere.
SAME_LANGUAGE = {"be-x-old": "be-tarask", "nb": "no", "lzh": "zh-classical", "yue": "zh-yue"}
# Languages whose Wikipedia, or its database, has the code that they had before.
EARLIER_CODES = {
    **{"be-tarask": "be-x-old", "gsw": "als", "lzh": "zh-classical", "nan": "zh-min-nan"},
    **{"nb": "no", "rup": "roa-rup", "sgs": "bat-smg", "vro": "fiu-vro", "yue": "zh-yue"},
}
# Names of a fallback language that are shorter are abbreviations of one wiki ("T", "BD").
MIN_FALLBACK_NAME = 4
# The number of names of namespaces by which a language is identified.
MIN_LOCAL_NAMES = 4
# Variants of a text in a wiki that converts between scripts: -{zh-hans:计算机; zh-hant:電腦}-.
VARIANTS = re.compile(r"-\{(?!\{)([^{}]*)\}-")
VARIANT_FLAGS = re.compile(r"^\s*([A-Za-z;\s-]*)\|")
FIRST_VARIANT = re.compile(r"^\s*[a-z]{2,3}(?:-[a-z]+)*\s*:([^;]*)")

# Titles of lists, and of years, dates and centuries, in languages other than English.
FOREIGN_LIST = re.compile(
    r"Listen? (?:der|des|von|aller)\b|Liste (?:de|du|des|d['’]|chronologique)\b|Lista [a-zżźśćłó]|"
    r"Lijst van |Список |Списки |قائمة |.*(?:一覧|列表)$"
)
MONTHS = """
Januar Februar März April Mai Juni Juli August September Oktober November Dezember
janvier février mars avril mai juin juillet août septembre octobre novembre décembre
enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre
janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro
januari februari maart april mei juni juli augustus september oktober november december
stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia
января февраля марта апреля мая июня июля августа сентября октября ноября декабря
январь февраль март апрель май июнь июль август сентябрь октябрь ноябрь декабрь
يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر
"""
MONTH = f"(?i:{'|'.join(MONTHS.split())})"
BEFORE_CHRIST = r"v\. ?Chr\.|av\. J\.-C\.|a\. ?C\.|p\.n\.e\.|до н\. э\.|ق م"
FOREIGN_DATE = re.compile(
    rf"\d{{1,2}}(?:\.|er|º|°)? (?:de )?{MONTH}|{MONTH} (?:de )?\d{{1,4}}(?: года?)?|"
    rf"\d{{1,4}}(?: год)?(?: (?:{BEFORE_CHRIST}))?|"
    r"\d{1,4}(?:er(?: Jahre)?|-е(?: годы)?)|(?:Années|Años|Anni|Década de) \d{1,4}|"
    rf"(?:\d{{1,2}}\. Jahrhundert|\d{{1,2}}e eeuw|[IVX]+e siècle|[IVX]+ (?:век|secolo|wiek)|"
    rf"(?:Siglo|Século) [IVX]+)(?: (?:{BEFORE_CHRIST}))?|"
    r"القرن \d{1,2}|(?:紀元)?前?(?:\d{1,4}年代?|\d{1,2}世[紀纪])|\d{1,2}月(?:\d{1,2}日)?"
)

Names = Mapping[str, Any]


def _read_table() -> Dict[str, Names]:
    text = Path(__file__).with_name("languages.json").read_text(encoding="utf8")
    table: Dict[str, Names] = json.loads(text)
    return table


TABLE = _read_table()
# The ends of the titles of disambiguation pages in all languages.
DISAMBIGUATION_SUFFIXES = (
    " (disambiguation)",
    *sorted(
        f" ({s})" for names in TABLE.values() for s in names.get("disambiguation_suffixes", ())
    ),
)


def _redirect_pattern(names: Iterable[str]) -> "re.Pattern[str]":
    keywords = "|".join(map(re.escape, ["#REDIRECT", *names]))
    return re.compile(rf"\s*(?:{keywords})\s*:?\s*\[\[([^\[\]|\n]+)(?:\|[^\]\n]*)?\]\]", re.I)


REDIRECT = _redirect_pattern(())


@dataclass(frozen=True)
class WikiLanguage:
    """The properties of wikis in one language. The defaults are those of English.

    code (str): The language code, as in "de.wikipedia.org".
    namespaces (Mapping[str, int]): Name -> number of namespaces, aliases included.
    trail (re.Pattern[str]): Letters after a link that MediaWiki adds to the link's text:
        [[apple]]s is shown as "apples".
    prefix (Optional[re.Pattern[str]]): Letters before a link that it adds, too, as in Arabic.
    redirect (re.Pattern[str]): The wikitext of a redirect. Group 1 is the target.
    disambiguation_templates (FrozenSet[str]): The lowercase names of templates of disambiguation
        pages.
    dotted_capital_i (bool): Whether the capital of "i" is "İ".
    converted (bool): Whether a wiki converts between scripts, with markup in its texts.
    """

    code: str = "en"
    namespaces: Mapping[str, int] = field(default_factory=dict)
    trail: "re.Pattern[str]" = re.compile("[a-z\u00df-\u00f6\u00f8-\u00ff]+")
    prefix: Optional["re.Pattern[str]"] = None
    redirect: "re.Pattern[str]" = REDIRECT
    disambiguation_templates: FrozenSet[str] = frozenset()
    dotted_capital_i: bool = False
    converted: bool = False

    def upper(self, letter: str) -> str:
        """The capital of a letter."""
        return "İ" if letter == "i" and self.dotted_capital_i else letter.upper()

    def convert(self, text: str) -> str:
        """Replace the markup for variants of a text by the first variant."""
        return VARIANTS.sub(_first_variant, text) if self.converted else text

    def affixes(self, before: str, after: str) -> Tuple[str, str]:
        """The letters around a link that belong to its text.

        before, after (str): The text before and after the link.
        """
        prefix = self.prefix.search(before) if self.prefix and before else None
        trail = self.trail.match(after)
        return prefix[0] if prefix else "", trail[0] if trail else ""


def _first_variant(match: "re.Match[str]") -> str:
    text = match[1]
    if flags := VARIANT_FLAGS.match(text):
        # Rules for the rest of the page, and titles, are not shown.
        if {"H", "T", "-"} & {flag.strip().upper() for flag in flags[1].split(";")}:
            return ""
        text = text[flags.end() :]
    first = FIRST_VARIANT.match(text)
    return first[1].strip() if first else text


ENGLISH = WikiLanguage()


@cache
def language_of(code: str) -> WikiLanguage:
    """RETURNS (WikiLanguage): The language with a code. Unknown ones are like English."""
    code = SAME_LANGUAGE.get(code, code)
    own: Names = TABLE.get(code, {})
    fallback: Names = TABLE.get(own.get("fallback", ""), {})
    if not own:
        return replace(ENGLISH, code=code)
    namespaces = {n: int(id_) for id_, names in own.get("namespaces", {}).items() for n in names}
    for id_, names in fallback.get("namespaces", {}).items():
        for name in names:
            if len(name) >= MIN_FALLBACK_NAME and int(id_) <= MAX_CORE_NAMESPACE:
                namespaces.setdefault(name, int(id_))
    trail = own.get("trail")
    templates = [*own.get("disambiguation_templates", ())]
    templates += fallback.get("disambiguation_templates", ())
    return WikiLanguage(
        code,
        namespaces,
        # "": links have no trail, as in Chinese.
        ENGLISH.trail if trail is None else re.compile(f"{trail}+" if trail else "(?!)"),
        re.compile(f"{own['prefix']}+$") if "prefix" in own else None,
        _redirect_pattern([*own.get("redirects", ()), *fallback.get("redirects", ())]),
        frozenset(map(str.lower, templates)),
        own.get("dotted_capital_i", False),
        own.get("converted", False),
    )


def language_by_namespaces(names: Mapping[int, str]) -> WikiLanguage:
    """The language with the most of a wiki's names of namespaces, for a wiki with no known address.

    names (Mapping[int, str]): Number -> name of the wiki's namespaces.
    RETURNS (WikiLanguage): The language; an unknown one if it is ambiguous.
    """
    local = {(name, id_) for id_, name in names.items() if name not in CANONICAL_NAMESPACES}
    n_found = {
        code: len(local & language_of(code).namespaces.items())
        for code, entry in TABLE.items()
        if len(entry.get("namespaces", ())) >= MIN_LOCAL_NAMES
    }
    code = max(n_found, key=n_found.__getitem__)
    return language_of(code if n_found[code] >= MIN_LOCAL_NAMES else "")
