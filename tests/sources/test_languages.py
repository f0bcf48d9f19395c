"""Dumps of Wikipedias of other languages, in their true format."""

import io
from dataclasses import replace
from typing import Dict, List, NamedTuple

import mwparserfromhell
import mwxml
import pytest
from helpers.wikimedia import articles_xml, page_row, siteinfo_xml, write_table

from spacy_genre.corpora.articles import ArticleOptions
from spacy_genre.corpora.reading import read_texts
from spacy_genre.sources.build import Options, read_sources, select_names
from spacy_genre.sources.languages import ENGLISH, TABLE, language_of
from spacy_genre.sources.mediawiki import NotAnArticle
from spacy_genre.sources.running_text import extract_text
from spacy_genre.sources.source_data import SourceData
from spacy_genre.sources.wikitext import extract_links, is_disambiguation
from spacy_genre.sources.xml_dump import wiki_from_siteinfo

# The names of the namespaces -2 to 4, 6, 10, 12, 14 as the <siteinfo> lists them.
NUMBERS = (-2, -1, 1, 2, 3, 4, 6, 10, 12, 14)
NAMES = {
    "de": "Medium|Spezial|Diskussion|Benutzer|Benutzer Diskussion|Wikipedia|Datei|Vorlage|Hilfe|"
    "Kategorie",
    "fr": "Média|Spécial|Discussion|Utilisateur|Discussion utilisateur|Wikipédia|Fichier|Modèle|"
    "Aide|Catégorie",
    "es": "Medio|Especial|Discusión|Usuario|Usuario discusión|Wikipedia|Archivo|Plantilla|Ayuda|"
    "Categoría",
    "ru": "Медиа|Служебная|Обсуждение|Участник|Обсуждение участника|Википедия|Файл|Шаблон|Справка|"
    "Категория",
    "ja": "メディア|特別|ノート|利用者|利用者‐会話|Wikipedia|ファイル|Template|Help|Category",
    "ar": "ميديا|خاص|نقاش|مستخدم|نقاش المستخدم|ويكيبيديا|ملف|قالب|مساعدة|تصنيف",
    "zh": "Media|Special|Talk|User|User talk|Wikipedia|File|Template|Help|Category",
    "it": "Media|Speciale|Discussione|Utente|Discussioni utente|Wikipedia|File|Template|Aiuto|"
    "Categoria",
    "pt": "Multimédia|Especial|Discussão|Usuário(a)|Usuário(a) Discussão|Wikipédia|Ficheiro|"
    "Predefinição|Ajuda|Categoria",
    "nl": "Media|Speciaal|Overleg|Gebruiker|Overleg gebruiker|Wikipedia|Bestand|Sjabloon|Help|"
    "Categorie",
    "pl": "Media|Specjalna|Dyskusja|Wikipedysta|Dyskusja wikipedysty|Wikipedia|Plik|Szablon|Pomoc|"
    "Kategoria",
}


def siteinfo(code, dbname=None, base=""):
    names = dict(zip(NUMBERS, NAMES[code].split("|"), strict=True))
    return siteinfo_xml(f"{code}wiki" if dbname is None else dbname, names, base)


def wiki_of(info):
    dump = mwxml.Dump.from_file(io.BytesIO(articles_xml([], info)))
    return wiki_from_siteinfo(dump.site_info, "dump")


class Case(NamedTuple):
    """A dump of one article, one redirect and one disambiguation page.

    text (str): The wikitext of the article.
    paragraphs (List[str]): Its paragraphs with links, which are marked as <text|title>.
    redirect (str): The wikitext of the redirect "R".
    disambiguation (str): The wikitext of the disambiguation page "D".
    anchors (Dict[str, str]): Anchor -> title of links that are in no paragraph.
    """

    text: str
    paragraphs: List[str]
    redirect: str
    disambiguation: str
    anchors: Dict[str, str]


CASES = {
    "de": Case(
        "'''Lindau''' liegt am [[Bodensee]].\n"
        "[[Datei:Hafen.jpg|mini|Der Hafen mit dem [[Leuchtturm]]]]\n"
        "[[File:A.jpg|thumb|Erste]] [[Bild:B.jpg|thumb|Zweite]] [[Image:C.jpg|thumb|Dritte]]\n"
        "Die [[Insel]]straße, der [[Bayern|bayer]]ische [[Löwe]] und die [[Grenze]]öffnung, "
        "siehe [[:Kategorie:Ort]] und [[:en:Lindau|englisch]].__INHALTSVERZEICHNIS__\n"
        "[[Kategorie:Ort|Lindau]] [[Category:Town]] [[BD:X]] [[Hilfe:X]] [[Vorlage:X]]",
        [
            "Lindau liegt am <Bodensee|Bodensee>.",
            "Die <Inselstraße|Insel>, der <bayerische|Bayern> <Löwe|Löwe> und die "
            "<Grenzeöffnung|Grenze>, siehe Kategorie:Ort und englisch.",
        ],
        "#WEITERLEITUNG [[Lindau#Lage|Lindau]]",
        "{{Begriffsklärung}}\n* [[Lindau]]",
        {"Leuchtturm": "Leuchtturm"},
    ),
    "fr": Case(
        "'''Annecy''' est en [[Haute-Savoie]].\n"
        "[[Fichier:Lac.jpg|vignette|Le [[Lac d'Annecy|lac]]]]\n"
        "[[Image:A.jpg|thumb|Un]] [[File:B.jpg|thumb|Deux]]\n"
        "Les [[Savoie|savoyard]]és, une [[école]]ètte.\n"
        "[[Catégorie:Ville|Annecy]] [[Discuter:X]] [[Utilisatrice:X]] [[Modèle:X]] [[Aide:X]]",
        [
            "Annecy est en <Haute-Savoie|Haute-Savoie>.",
            "Les <savoyardés|Savoie>, une <écoleètte|École>.",
        ],
        "#REDIRECTION [[Annecy]]",
        "{{Homonymie dynastique}}\n* [[Annecy]]",
        {"lac": "Lac d'Annecy"},
    ),
    "es": Case(
        "'''Ronda''' está en [[Andalucía]].\n"
        "[[Archivo:A.jpg|miniatura|El [[Puente Nuevo|puente]]]] [[Imagen:B.jpg|thumb|Otra]]\n"
        "Los [[Español|españ]]oles y el [[ladr]]ón.\n"
        "[[Categoría:Ciudad]] [[CAT:X]] [[Usuaria:X]] [[Plantilla:X]] [[Ayuda:X]]",
        [
            "Ronda está en <Andalucía|Andalucía>.",
            "Los <españoles|Español> y el <ladrón|Ladr>.",
        ],
        "#REDIRECCIÓN [[Ronda]]",
        "{{desambiguación}}\n* [[Ronda]]",
        {"puente": "Puente Nuevo"},
    ),
    "ru": Case(
        "'''Углич''' стоит на [[Волга|Волг]]е.\n"
        "[[Файл:А.jpg|мини|Вид на [[Кремль]]]] [[Изображение:Б.jpg|thumb|Вторая]]\n"
        "Город [[Россия|России]], [[река|речн]]ой [[порт]]ъ. __БЕЗ_ОГЛ__\n"
        "[[Категория:Города|Углич]] [[К:Города]] [[ВП:X]] [[Участница:X]] [[Ш:X]] [[Справка:X]]",
        [
            "Углич стоит на <Волге|Волга>.",
            "Город <России|Россия>, <речной|Река> <портъ|Порт>.",
        ],
        "#перенаправление [[Углич]]",
        "{{неоднозначность}}\n* [[Углич]]",
        {"Кремль": "Кремль"},
    ),
    "ja": Case(
        "'''鎌倉'''は[[神奈川県]]の市。[[ファイル:A.jpg|thumb|[[大仏]]の写真]][[画像:B.jpg|thumb|昔]]"
        "[[相模湾|湾]]に面する。＿＿目次＿＿\n"
        "[[Category:市|かまくら]] [[カテゴリ:市]] [[ノート:X]] [[利用者:X]] [[テンプレート:X]]",
        ["鎌倉は<神奈川県|神奈川県>の市。<湾|相模湾>に面する。"],
        "＃転送 [[鎌倉]]",
        "{{Aimai}}\n* [[鎌倉]]",
        {"大仏": "大仏"},
    ),
    "ar": Case(
        "'''أسوان''' على [[نيل|النيل]].\n"
        "[[ملف:A.jpg|تصغير|[[سد أسوان|السد]]]] [[صورة:B.jpg|thumb|ثانية]]\n"
        "مدينة [[مصر]]ية في ال[[صعيد]] و[[نوبة]]ال[[سودان]].\n"
        "[[تصنيف:مدن|أسوان]] [[وب:X]] [[مستخدمة:X]] [[قالب:X]] [[مساعدة:X]]",
        [
            "أسوان على <النيل|نيل>.",
            # Letters between two links belong to the first one.
            "مدينة <مصرية|مصر> في <الصعيد|صعيد> <ونوبةال|نوبة><سودان|سودان>.",
        ],
        "#تحويل [[أسوان]]",
        "{{توضيح}}\n* [[أسوان]]",
        {"السد": "سد أسوان"},
    ),
    "zh": Case(
        "'''苏州'''在[[江苏]]abc，有-{zh-hans:计算机; zh-hant:電腦}-和[[太湖|湖]]。-{T|zh:苏州}-\n"
        "[[File:A.jpg|thumb|[[园林]]]] [[档案:B.jpg|thumb|旧]] [[圖像:C.jpg|thumb|旧]]\n"
        "[[Category:城市|S]] [[分类:城市]] [[U:X]] [[模板:X]] [[帮助:X]] [[维基百科:X]]",
        ["苏州在<江苏|江苏>abc，有计算机和<湖|太湖>。"],
        "#重定向 [[苏州]]",
        "{{消歧义}}\n* [[苏州]]",
        {"园林": "园林"},
    ),
}


@pytest.fixture(params=sorted(CASES))
def language(request, tmp_path):
    """A language, its case, the title of its article, and the path of its dump."""
    case = CASES[request.param]
    title = case.text.split("'''")[1]
    pages = [
        (title, 0, None, case.text),
        # Some dumps have no element for the target of a redirect.
        ("R", 0, None, case.redirect),
        ("D", 0, None, case.disambiguation),
        (f"{NAMES[request.param].split('|')[6]}:A.jpg", 6, None, "[[Not an article]]"),
    ]
    path = tmp_path / "pages-articles.xml"
    path.write_bytes(articles_xml(pages, siteinfo(request.param)))
    return request.param, case, title, path


def marked(paragraphs):
    lines = []
    for text, links in paragraphs:
        line = text
        for start, end, title in sorted(links, reverse=True):
            line = f"{line[:start]}<{line[start:end]}|{title}>{line[end:]}"
        lines.append(line)
    return lines


def test_title_sets(language):
    _, case, title, path = language
    data = SourceData()
    read_sources([path], data, Options(), n_process=1, progress=False)
    assert data.disambiguations == {"D"}
    options = Options(linked=True, exclude_disambiguation=True)
    names, redirects = select_names(data, options)
    linked = {part.split("|")[1] for p in case.paragraphs for part in p.split(">")[:-1]}
    assert set(names) == {title} | linked | set(case.anchors.values())
    assert redirects == {"R": title}
    for anchor, target in case.anchors.items():
        assert data.aliases[anchor, target] == 1
    for paragraph in case.paragraphs:
        for part in paragraph.split(">")[:-1]:
            anchor, target = part.split("<")[1].split("|")
            assert data.aliases[anchor, target] == 1
    assert not any("valid" in reason for reason in data.dropped)


def test_corpora(language):
    _, case, title, path = language
    texts = [text for texts in read_texts(path, ArticleOptions(lists=1)) for text in texts]
    assert {text.page for text in texts} == {title}
    found = [(t.text, [(m.start, m.end, m.title) for m in t.mentions]) for t in texts]
    assert marked(found) == case.paragraphs


ONE_AND_OTHERS = [
    code if code == "zh" else pytest.param(code, marks=pytest.mark.slow) for code in sorted(CASES)
]


@pytest.mark.parametrize("language", ONE_AND_OTHERS, indirect=True)
def test_in_processes(language):
    """The properties of a language are sent to the processes."""
    *_, path = language
    one, two = (list(read_texts(path, ArticleOptions(), n_process=n)) for n in (1, 2))
    assert one == two


@pytest.mark.parametrize("code", sorted(NAMES))
def test_english_names_of_namespaces_are_valid_everywhere(code):
    wiki = wiki_of(siteinfo(code))
    names = "Media Special Talk User User_talk Project File Image Template Help Category WP"
    for name in [*names.split(), *NAMES[code].split("|"), *names.lower().split()]:
        with pytest.raises(NotAnArticle, match="namespace "):
            wiki.article_title(f"{name}:Example")
    assert wiki.article_title(f":{code}:Example") == wiki.article_title(f"{code}:Example")
    with pytest.raises(NotAnArticle, match="another wiki"):
        wiki.article_title("eo:Ekzemplo")


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("de", "Bild Benutzerin BD H WD"),
        ("fr", "Discuter Utilisatrice DW Discussion_Fichier"),
        ("es", "Imagen Usuaria CAT"),
        ("ru", "Изображение Участница ВП Ш К У Обсуждение_участницы"),
        ("ja", "画像 トーク 利用者・トーク カテゴリ ヘルプ テンプレート"),
        ("ar", "صورة مستخدمة وب وسائط"),
        ("zh", "文件 档案 檔案 图像 圖像 分类 分類 模板 维基百科 帮助 討論 用户 T U"),
        ("it", "Immagine Discussioni_immagine"),
        ("pt", "Imagem Arquivo Usuária Utilizador Multimídia"),
        ("nl", "Afbeelding Overleg_afbeelding H"),
        ("pl", "Grafika Wikipedystka Użytkownik"),
    ],
)
def test_aliases_of_namespaces(code, names):
    wiki = wiki_of(siteinfo(code))
    for name in names.split():
        with pytest.raises(NotAnArticle, match="namespace "):
            wiki.article_title(f"{name}:X")
    english = wiki_of(siteinfo_xml("enwiki", {6: "File", 14: "Category"}))
    assert english.article_title("Bild: A Film") == "Bild: A Film"


def test_aliases_of_the_own_namespaces_of_a_wikipedia():
    wiki = wiki_of(siteinfo_xml("dewiki", {6: "Datei", 100: "Portal"}))
    with pytest.raises(NotAnArticle, match="namespace Portal"):
        wiki.article_title("P:X")
    wiktionary = wiki_of(siteinfo_xml("dewiktionary", {6: "Datei", 100: "Anhang"}))
    assert wiktionary.article_title("P:X") == "P:X"


@pytest.mark.parametrize(
    ("code", "text", "anchor"),
    [
        ("en", "[[A|a]]äb", "aäb"),
        ("de", "[[A|a]]éb", "a"),
        ("de", "[[A|a]]ßen", "aßen"),
        ("fr", "[[A|a]]ÉÈb", "aÉÈb"),
        ("it", "[[A|a]]ìb", "aìb"),
        ("pt", "[[A|a]]ções", "ações"),
        ("nl", "[[A|a]]ïb", "aïb"),
        ("pl", "[[A|a]]ńĄ", "ańĄ"),
        ("cs", "[[A|a]]ěšů", "aěšů"),
        ("sv", "[[A|a]]åb", "aåb"),
        ("hu", "[[A|a]]ők", "aők"),
        ("tr", "[[A|a]]ığ", "aığ"),
        ("ru", "[[A|а]]ами", "аами"),
        ("uk", "[[A|а]]їв»", "аїв"),
        ("ca", "[[A|a]]l'l''x''", "al'l"),
        ("he", "[[A|א]]ים", "אים"),
        ("fa", "[[A|ب]]های", "بهای"),
        ("ja", "[[A|東]]京", "東"),
        ("zh", "[[A|a]]b", "a"),
        ("ar", "ال[[A|مصر]]ية", "المصرية"),
        ("ar", "x [[B]]، و[[A|a]]", "وa"),
        ("ru", "при[[A|а]]", "а"),
    ],
)
def test_link_trails(code, text, anchor):
    wiki = wiki_of(siteinfo_xml(f"{code}wiki", {6: "File"}))
    assert (anchor, "A") in extract_links("X", text, wiki).anchors
    (link,) = (p.links for p in extract_text("X", f"{text} z", wiki).paragraphs)
    shown = extract_text("X", f"{text} z", wiki).paragraphs[0].text
    assert anchor in [shown[k.start : k.end] for k in link]


@pytest.mark.parametrize(
    ("code", "title", "text"),
    [
        ("de", "X (Begriffsklärung)", ""),
        ("fr", "X", "{{Patronyme}}"),
        ("fr", "X (homonymie)", ""),
        ("es", "X (desambiguación)", ""),
        ("ru", "X (значения)", ""),
        ("ja", "X", "{{人名の曖昧さ回避}}"),
        ("ar", "X (توضيح)", ""),
        ("zh", "X (消歧義)", ""),
        ("zh", "X", "{{disambig}}"),
        ("zh", "X", "__消除歧义__"),
        ("it", "X", "{{Disambigua}}"),
        ("pt", "X", "{{Desambiguação}}"),
        ("nl", "X", "{{dp}}"),
        ("pl", "X", "{{Ujednoznacznienie}}"),
        ("pl", "X", "__DISAMBIG__"),
    ],
)
def test_disambiguation_pages(code, title, text):
    wiki = wiki_of(siteinfo(code))
    assert is_disambiguation(title, mwparserfromhell.parse(text), wiki)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("de", "{{Begriffsklärungshinweis}}"),
        ("fr", "{{Voir homonymes|X}}"),
        ("ru", "{{Значения}}"),
        ("ja", "{{Otheruses}}"),
        ("it", "{{Nota disambigua}}"),
        ("en", "{{Begriffsklärung}} {{dp}}"),
    ],
)
def test_hatnotes_are_no_disambiguation_pages(code, text):
    wiki = wiki_of(siteinfo(code) if code in NAMES else siteinfo_xml("enwiki", {6: "File"}))
    assert not is_disambiguation("X", mwparserfromhell.parse(text), wiki)


def test_disambiguation_pages_of_tables(tmp_path):
    rows = [page_row(1, "Merkur"), page_row(2, "Mars"), page_row(3, "Mars (Begriffsklärung)")]
    write_table(tmp_path / "page.sql.gz", "page", rows)
    write_table(tmp_path / "props.sql.gz", "page_props", [(1, b"disambiguation", b"", None)])
    data = SourceData()
    paths = [tmp_path / "page.sql.gz", tmp_path / "props.sql.gz"]
    read_sources(paths, data, Options(), n_process=1, progress=False)
    assert select_names(data, Options(exclude_disambiguation=True))[0] == ["Mars"]


@pytest.mark.parametrize(
    ("dbname", "base", "code"),
    [
        ("dewiki", "", "de"),
        ("dewiktionary", "", "de"),
        ("zh_min_nanwiki", "", "zh-min-nan"),
        ("be_x_oldwiki", "", "be-tarask"),
        ("", "https://de.wikipedia.org/wiki/Wikipedia:Hauptseite", "de"),
        ("", "//de.m.wikisource.org/wiki/X", "de"),
        # Known by the names of its namespaces only.
        ("memory_alpha", "https://memory-alpha.example.com/de/wiki/X", "de"),
    ],
)
def test_the_language_of_a_wiki(dbname, base, code):
    language = wiki_of(siteinfo("de", dbname, base)).language
    assert language == language_of(code)


def test_unknown_languages_are_read_like_english():
    names = {6: "Dosya", 14: "Kategoriye"}
    wiki = wiki_of(siteinfo_xml("xxwiki", names))
    assert wiki.language == replace(ENGLISH, code="xx")
    assert wiki_of(siteinfo_xml("", names)).language == replace(ENGLISH, code="")
    for name in ("Dosya", "Kategoriye", "File"):
        with pytest.raises(NotAnArticle):
            wiki.article_title(f"{name}:X")
    page = extract_text("X", "[[A]] [[Dosya:X.jpg|thumb|Y]] [[Kategoriye:Z|z]]", wiki)
    assert [p.text for p in page.paragraphs] == ["A"]


def test_aliases_of_other_languages_as_in_mediawiki():
    """Bavarian Wikipedia also knows the German names, but not the abbreviations."""
    wiki = wiki_of(siteinfo_xml("barwiki", {6: "Datei", 14: "Kategorie"}))
    with pytest.raises(NotAnArticle):
        wiki.article_title("Bild:X")
    assert wiki.article_title("BD:X") == "BD:X"


def test_capital_letters():
    assert wiki_of(siteinfo_xml("trwiki", {6: "Dosya"})).article_title("istanbul") == "İstanbul"
    assert wiki_of(siteinfo("de")).article_title("istanbul") == "Istanbul"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-{zh-hans:甲; zh-hant:乙}-", "甲"),
        ("-{甲}-", "甲"),
        ("-{A|zh-cn:甲;zh-tw:乙}-", "甲"),
        ("-{H|zh-cn:甲;zh-tw:乙}-x", "x"),
        ("-{zh-hans|甲}-", "甲"),
        ("-{[[甲|乙]]}-", "[[甲|乙]]"),
        ("-{{甲}}-", "-{{甲}}-"),
    ],
)
def test_variants(text, expected):
    assert language_of("zh").convert(text) == expected
    assert ENGLISH.convert(text) == text


def test_every_language_of_the_table():
    for code in TABLE:
        language = language_of(code)
        assert language.redirect.match("#redirect: [[X]]")[1] == "X"
        assert not language.affixes("x»", "«")[1]
        assert all(id_ != 0 for id_ in language.namespaces.values())
