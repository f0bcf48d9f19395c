import io
import unicodedata

import mwxml
import pytest
from helpers.wikimedia import articles_xml
from hypothesis import given
from hypothesis import strategies as st

from spacy_genre.sources.mediawiki import DIRECTION_MARKS, NotAnArticle, Wiki, title_of_key
from spacy_genre.sources.xml_dump import wiki_from_siteinfo


@pytest.fixture(scope="module")
def wiki():
    """English Wikipedia, as a dump describes it."""
    return wiki_from_siteinfo(mwxml.Dump.from_file(io.BytesIO(articles_xml([]))).site_info, "dump")


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
def test_article_title(target, title, wiki):
    assert wiki.article_title(target) == title


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
def test_article_title_drops(target, reason, wiki):
    with pytest.raises(NotAnArticle, match=f"^{reason}$"):
        wiki.article_title(target)


def test_titles_of_a_wiktionary_keep_their_first_letter():
    assert Wiki(capital_first=False).article_title("apple") == "apple"


def test_another_language():
    wiki = Wiki({"kategorie": "Kategorie"}, frozenset({"de"}))
    assert wiki.article_title(":de:berlin") == "Berlin"
    for target in ("en:Berlin", "w:Berlin", "Kategorie:Berlin"):
        with pytest.raises(NotAnArticle):
            wiki.article_title(target)


@given(st.text(st.sampled_from("aZ1éßქ農:# _&%;.~/|[<\u00a0\u0301\u200e\n-") | st.characters()))
def test_article_title_is_stable(target):
    """Normalization is idempotent, and its result is a clean title."""
    wiki = Wiki({"talk": "Talk"})
    try:
        title = wiki.article_title(target)
    except NotAnArticle:
        return
    assert wiki.article_title(title) == title
    assert title_of_key(title.replace(" ", "_")) == title
    assert title == title.strip()
    assert title == unicodedata.normalize("NFC", title)
    assert not any(unicodedata.category(char) == "Cc" for char in title)
    assert not DIRECTION_MARKS.search(title)
