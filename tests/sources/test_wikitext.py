import mwparserfromhell
import pytest

from spacy_genre.sources.mediawiki import NotAnArticle, Wiki
from spacy_genre.sources.wikitext import extract_links, is_disambiguation, link_target, wikilinks


def parse(text):
    return mwparserfromhell.parse(text, skip_style_tags=True)


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
    assert [link_target(link) for link, _ in wikilinks(parse(text))] == targets


@pytest.mark.parametrize("text", ["[[{{PAGENAME}}]]", "[[A{{!}}B]]", "[[List of {{{1}}}|x]]"])
def test_link_target_with_template(text):
    (link,) = mwparserfromhell.parse(text).filter_wikilinks()
    with pytest.raises(NotAnArticle, match="template in the target"):
        link_target(link)


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
    assert is_disambiguation(title, parse(text)) is expected


@pytest.mark.parametrize(
    ("text", "anchor"),
    [
        ("[[European Union|EU]]", "EU"),
        ("[[european Union]]", "european Union"),
        ("[[european_Union]]'s", "european Union"),
        ("[[European Union|Union]]s,", "Unions"),
        ("[[European Union]]wide", "European Unionwide"),
        ("[[European Union|''the'' '''EU''']]", "the EU"),
        ("[[European Union|the&nbsp;EU]]", "the EU"),
        ("[[European Union|EU<!-- no -->]]", "EU"),
        ("[[:European Union]]", "European Union"),
        ("[[European Union#History]]", "European Union#History"),
        ("[[European Union| ]]", ""),
        ("[[European Union|a\nb]]", ""),
        ("[[European Union|" + "x" * 300 + "]]", ""),
        ("[[European Union|EU]]Ab", "EU"),
    ],
)
def test_anchors(text, anchor):
    article = extract_links("Europe", text, Wiki())
    assert article.anchors == {(anchor, "European Union"): 1}


def test_dropped_links_are_counted():
    wiki = Wiki({"category": "Category"})
    article = extract_links("A", "[[fr:B]] [[Category:C]] [[#D]] [[{{E}}]] [[F]] [[F]]", wiki)
    assert article.anchors == {("F", "F"): 2}
    assert article.dropped == {
        "links: another wiki": 1,
        "links: namespace Category": 1,
        "links: section of the same page": 1,
        "links: template in the target": 1,
    }


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("[[", []),
        ("[[A", []),
        ("{{A|[[B]]", ["B"]),
        ("<ref>[[A]]", ["A"]),
        ("{|\n| [[A]]", ["A"]),
        ("<div>[[A]]</span> [[B]]", ["A", "B"]),
        ("== [[A]] =\n[[B]]", ["A", "B"]),
    ],
)
def test_broken_markup_is_read(text, titles):
    assert [title for _, title in extract_links("X", text, Wiki()).anchors] == titles
