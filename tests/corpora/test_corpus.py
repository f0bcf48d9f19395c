import gzip
import json
import os
from dataclasses import replace

import pytest
import spacy
import srsly
from spacy.tokens import DocBin, Span
from typer.testing import CliRunner

from spacy_genre import TitleSet
from spacy_genre.cli import genre_cli
from spacy_genre.corpora import building
from spacy_genre.corpora.articles import ArticleOptions
from spacy_genre.corpora.building import CorpusOptions, build_corpus, unfinished_folder
from spacy_genre.corpora.readers import Corpus_v1
from spacy_genre.sources import Options, build_from_sources

TEXT = "Einstein saw Paris."
ROW = {
    "text": TEXT,
    "mentions": [
        {"start": 0, "end": 8, "title": "Einstein"},
        {"start": 13, "end": 18, "id": "Q6"},
        {"start": 13, "end": 18, "title": "Lutetia"},
    ],
}
OPTIONS = CorpusOptions(shards=3)


def write_docbin(path, *kb_ids):
    """Write a Doc with one entity per kb_id, each one word."""
    nlp = spacy.blank("en")
    doc = nlp.make_doc(" ".join("abcdefgh"[: len(kb_ids)]))
    doc.ents = [Span(doc, i, i + 1, "X", kb_id=kb_id) for i, kb_id in enumerate(kb_ids)]
    DocBin(docs=[doc]).to_disk(path)
    return path


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source.jsonl"
    rows = [{**ROW, "page": f"Page {i}", "text": f"{TEXT} {i}"} for i in range(200)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def rows_of(folder):
    return [row for path in sorted(folder.glob("*.gz")) for row in srsly.read_gzip_jsonl(path)]


def content(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_build(source, titles, tmp_path):
    manifest = build_corpus([source], tmp_path / "out", titles, replace(OPTIONS, dev=0.2))
    train, dev = rows_of(tmp_path / "out" / "train"), rows_of(tmp_path / "out" / "dev")
    assert len(train) + len(dev) == 200
    assert 20 < len(dev) < 60
    assert [row["page"] for row in train] != sorted(row["page"] for row in train)
    for row in train:
        assert [m["title"] for m in row["mentions"]] == ["Albert Einstein", "Paris"]
    counts = manifest["counts"]
    assert counts["link"] == counts["mentions"] == 400
    assert counts["not in the title set"] == 200
    assert list(srsly.read_jsonl(tmp_path / "out" / "missing.jsonl")) == [
        {"title": "Lutetia", "count": 200}
    ]
    assert srsly.read_json(tmp_path / "out" / "manifest.json") == manifest
    assert manifest["sources"][0]["file"] == "source.jsonl"
    assert sum(shard["texts"] for shard in manifest["shards"]) == 200
    assert not unfinished_folder(tmp_path / "out").exists()


def test_texts_from_the_title_set(source, tokenizer, tmp_path):
    titles = TitleSet.build(
        ["Albert Einstein", "Paris"],
        tokenizer,
        descriptions=["a physicist", ""],
        redirects={"Einstein": "Albert Einstein"},
        aliases={("the city of light", "Paris"): 2},
    )
    options = replace(OPTIONS, aliases=True, descriptions=True, exclude=frozenset(["Page 3"]))
    counts = build_corpus([source], tmp_path / "out", titles, options)["counts"]
    assert (counts["alias"], counts["description"]) == (2, 1)
    assert counts["texts of excluded pages"] == 1
    rows = rows_of(tmp_path / "out" / "train")
    assert {"title": "Albert Einstein", "kind": "description", "text": "a physicist",
            "mentions": []} in rows  # fmt: skip


@pytest.mark.parametrize("interrupt_at", [0, 1, 77, 199])
def test_resume(source, titles, tmp_path, monkeypatch, interrupt_at):
    """An interrupted build gives the same files, wherever it was interrupted."""
    expected = tmp_path / "expected"
    build_corpus([source], expected, titles, replace(OPTIONS, aliases=True))
    monkeypatch.setattr(building, "CHECKPOINT_INTERVAL", 0)
    real, n_items = building._UnfinishedBuild.end_item, 0

    def end_item(work):
        nonlocal n_items
        if n_items == interrupt_at:
            for path in work.folder.rglob("*.jsonl"):
                path.write_bytes(path.read_bytes() + b'{"half a li')
            raise KeyboardInterrupt
        n_items += 1
        real(work)

    out = tmp_path / "out"
    monkeypatch.setattr(building._UnfinishedBuild, "end_item", end_item)
    with pytest.raises(KeyboardInterrupt):
        build_corpus([source], out, titles, replace(OPTIONS, aliases=True))
    assert not out.exists()
    monkeypatch.setattr(building._UnfinishedBuild, "end_item", real)
    if interrupt_at:
        with pytest.raises(ValueError, match="D007"):
            build_corpus([source], out, titles, OPTIONS)
    build_corpus([source], out, titles, replace(OPTIONS, aliases=True))
    assert content(out) == content(expected)


def test_only_the_same_build_is_resumed(source, titles, tokenizer, tmp_path, monkeypatch):
    """Other excluded pages, titles or contents are detected, even if their number is equal."""
    out, options = tmp_path / "out", replace(OPTIONS, exclude=frozenset(["Page 1"]))
    with monkeypatch.context() as patch:
        patch.setattr(building, "_write_corpus", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            build_corpus([source], out, titles, options)
    redirects = {"Einstein": "Albert Einstein"}
    ids = [titles.id_of(name) for name in titles]
    other = TitleSet.build([*[*titles][:-1], "Rome"], tokenizer, ids=ids, redirects=redirects)
    assert repr(other) == repr(titles)
    changed = TitleSet.build([*titles], tokenizer, ids=ids, redirects=redirects)
    changed.remove("Paris")
    changed.add("Rome")
    assert repr(changed) == repr(titles)
    excluded = replace(options, exclude=frozenset(["Page 2"]))
    for new_titles, new_options in ((titles, excluded), (other, options), (changed, options)):
        with pytest.raises(ValueError, match="D007"):
            build_corpus([source], out, new_titles, new_options)
    before = source.stat()
    source.write_text(source.read_text().replace("Einstein", "Einstien"))
    assert source.stat().st_size == before.st_size
    with pytest.raises(ValueError, match="D007"):
        build_corpus([source], out, titles, options)
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    again = TitleSet.from_bytes(titles.to_bytes())
    assert build_corpus([source], out, again, options)["counts"]["texts of excluded pages"] == 1


def test_missing_titles(source, titles, tmp_path):
    with pytest.raises(ValueError, match=r"'Lutetia' \(.*source.jsonl, item 1\) is not in"):
        build_corpus([source], tmp_path / "a", titles, replace(OPTIONS, missing="fail"))
    build_corpus([source], tmp_path / "b", titles, replace(OPTIONS, missing="keep"))
    assert len(rows_of(tmp_path / "b" / "train")[0]["mentions"]) == 3
    other = tmp_path / "other.jsonl"
    other.write_text('{"text": "A", "mentions": [{"start": 0, "end": 1, "title": "Nobody"}]}\n')
    with pytest.raises(ValueError, match=r"D004.*1 texts were read"):
        build_corpus([other], tmp_path / "c", titles, OPTIONS)


def test_titles_and_ids_are_resolved_as_in_evaluation(titles, tmp_path):
    path = write_docbin(tmp_path / "x.spacy", "Q6", "Paris,_Texas", "apple", "Q99")
    manifest = build_corpus([path], tmp_path / "out", titles, OPTIONS)
    (row,) = rows_of(tmp_path / "out" / "train")
    # The annotation of a DocBin is complete: mentions without a name are kept as such.
    found = [m.get("title", m.get("id")) for m in row["mentions"]]
    assert found == ["Paris", "Paris, Texas", "Apple", "NIL"]
    assert manifest["counts"]["not in the title set"] == 1


def test_nil_entities_have_no_name(titles, tokenizer, tmp_path):
    path = write_docbin(tmp_path / "x.spacy", "NIL", "Paris")
    with_nil = TitleSet.build(["Nil", "Paris"], tokenizer, redirects={"NIL": "Nil"})
    options = replace(OPTIONS, missing="fail")
    for i, title_set in enumerate((None, titles, with_nil)):
        manifest = build_corpus([path], tmp_path / str(i), title_set, options)
        (row,) = rows_of(tmp_path / str(i) / "train")
        assert [m["title"] for m in row["mentions"] if m.get("id") != "NIL"] == ["Paris"]
        assert manifest["counts"]["link"] == 1
        assert manifest["counts"]["not in the title set"] == 0
    # A page may have the title "NIL".
    link = tmp_path / "x.jsonl"
    link.write_text('{"text": "NIL", "mentions": [{"start": 0, "end": 3, "title": "NIL"}]}\n')
    build_corpus([link], tmp_path / "out", with_nil, options)
    assert rows_of(tmp_path / "out" / "train")[0]["mentions"][0]["title"] == "Nil"


@pytest.mark.parametrize(
    "options",
    [
        {"missing": "x"},
        {"dev": 2.0},
        {"shards": 0},
        {"articles": ArticleOptions(lists=-1)},
    ],
)
def test_wrong_options(source, tmp_path, options):
    with pytest.raises(ValueError, match="D006"):
        build_corpus([source], tmp_path / "out", None, CorpusOptions(**options))


def test_a_full_disk(source, titles, tmp_path, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(building, "write_atomically", full)
        with pytest.raises(OSError, match="No space"):
            build_corpus([source], tmp_path / "out", titles, OPTIONS)
    assert not (tmp_path / "out").exists()
    build_corpus([source], tmp_path / "out", titles, OPTIONS)
    assert len(rows_of(tmp_path / "out" / "train")) == 200


def test_the_command_with_a_real_dump(sample_dump, tmp_path, tokenizer):
    titles = tmp_path / "titles"
    options = Options(linked=True, exclude_disambiguation=True, anchors=False)
    build_from_sources([sample_dump], tokenizer, options).save(titles)
    command = ["corpus", "build", str(sample_dump), str(tmp_path / "out"), "--titles", str(titles)]
    options = ["--own-title", "--repeats", "--short-forms", "--leads", "--dev", "0.1"]
    result = CliRunner().invoke(genre_cli, [*command, *options, "--shards", "4"])
    assert result.exit_code == 0, result.output
    manifest = srsly.read_json(tmp_path / "out" / "manifest.json")
    assert manifest["dropped"]["links: namespace File"] > 100
    counts = manifest["counts"]
    assert counts["link"] > 3_000
    assert counts["not in the title set"] < 20
    assert min(counts[kind] for kind in ("own title", "repeat", "short form", "lead")) > 10
    rows = rows_of(tmp_path / "out" / "train")
    pages = {row["page"] for row in rows}
    assert pages.isdisjoint(row["page"] for row in rows_of(tmp_path / "out" / "dev"))
    assert CliRunner().invoke(genre_cli, command).exit_code == 1  # it exists

    nlp = spacy.blank("en")
    examples = list(Corpus_v1(tmp_path / "out" / "dev")(nlp))
    assert all(eg.reference.ents and not eg.predicted.ents for eg in examples)
    kb_ids = {ent.kb_id_ for eg in examples for ent in eg.reference.ents}
    assert kb_ids <= set(TitleSet.open(titles))


# The reader


def read(path, **options):
    nlp = spacy.blank("en")
    return list(Corpus_v1(path, **options)(nlp))


def test_reader(source, titles, tmp_path):
    build_corpus([source], tmp_path / "out", titles, OPTIONS)
    folder = tmp_path / "out" / "train"
    example = read(folder)[0]
    assert [(e.text, e.kb_id_, e.label_) for e in example.reference.ents] == [
        ("Einstein", "Albert Einstein", "ENTITY"),
        ("Paris", "Paris", "ENTITY"),
    ]
    texts = [eg.text for eg in read(folder)]
    assert len(texts) == 200
    reader, nlp = Corpus_v1(folder, shuffle=50, seed=1), spacy.blank("en")
    passes = [[eg.text for eg in reader(nlp)] for _ in range(2)]
    assert passes[0] != passes[1]
    assert sorted(texts) == sorted(passes[0]) == sorted(passes[1])
    assert [eg.text for eg in Corpus_v1(folder, shuffle=50, seed=1)(nlp)] == passes[0]
    assert len(read(folder, limit=7)) == 7


def test_the_folder_with_both_parts_is_not_read(source, titles, tmp_path):
    out = tmp_path / "out"
    build_corpus([source], out, titles, replace(OPTIONS, dev=0.2))
    with pytest.raises(ValueError, match="D020") as caught:
        read(out)
    assert str(caught.value).endswith(f"instead: {out / 'train'} or {out / 'dev'}.")


def test_misaligned_and_overlapping_mentions(tmp_path):
    path = tmp_path / "x.jsonl"
    mentions = [(0, 3), (0, 5), (8, 10)]
    rows = [{"start": start, "end": end, "title": "T"} for start, end in mentions]
    path.write_text(json.dumps({"text": "New York is here", "mentions": rows}))
    with pytest.warns(UserWarning, match="1 overlapping"):
        (example,) = read(path)
    assert [ent.text for ent in example.reference.ents] == ["New York", "is"]
    with pytest.warns(UserWarning, match="2 misaligned"):
        (example,) = read(path, misaligned="skip")
    with pytest.raises(ValueError, match=r"D008.*'New Y' of 'T'"):
        read(path, misaligned="fail")
    with pytest.raises(ValueError, match="D006"):
        read(path, misaligned="x")


def test_nothing_to_read(tmp_path):
    with pytest.raises(ValueError, match="D009"):
        read(tmp_path)
    with pytest.raises(FileNotFoundError, match="F001"):
        read(tmp_path / "x")
    (tmp_path / "0.jsonl.gz").write_bytes(gzip.compress(b'{"text": "a", "title": "A"}\n'))
    (tmp_path / "1.jsonl.gz").write_bytes(b"")
    with pytest.raises(ValueError, match=r"1.jsonl.gz can't be read: there is no text"):
        read(tmp_path)


def test_weak_links_are_kept_by_method(tmp_path):
    text = "Alpha, beta and gamma."
    links = [
        {"start": 0, "end": 5, "title": "A"},
        {"start": 7, "end": 11, "title": "B", "src": "g"},
        {"start": 16, "end": 21, "title": "C", "src": "l"},
    ]
    rows = [
        {"title": f"Page {i}", "paragraphs": [{"text": text, "links": links}]} for i in range(200)
    ]
    source = tmp_path / "pages.jsonl"
    srsly.write_jsonl(source, rows)
    options = replace(OPTIONS, articles=ArticleOptions(weak_links={"g": 0.25}), dev=0.5)
    counts = build_corpus([source], tmp_path / "corpus", None, options)["counts"]
    n_train, n_dev = counts["train"], counts["dev"]
    # Links that nobody has set are no gold for an evaluation.
    assert counts["link"] == n_train + n_dev == 200
    assert n_train < counts["weak link"] < 1.5 * n_train
    dev = rows_of(tmp_path / "corpus" / "dev")
    assert {m["title"] for row in dev for m in row["mentions"]} == {"A"}


def test_the_first_mentions_of_a_title_are_kept(tmp_path, source):
    options = replace(OPTIONS, max_per_title=5)
    reliable = tmp_path / "reliable.jsonl"
    mention = {"start": 0, "end": 5, "title": "Einstein"}
    srsly.write_jsonl(reliable, [{"text": f"Alpha {i}", "mentions": [mention]} for i in range(3)])
    manifest = build_corpus([reliable, source], tmp_path / "corpus", None, options)
    mentions = [m for row in rows_of(tmp_path / "corpus" / "train") for m in row["mentions"]]
    titles = [m.get("title", m.get("id")) for m in mentions]
    assert {title: titles.count(title) for title in titles} == {
        "Einstein": 5,
        "Q6": 5,
        "Lutetia": 5,
    }
    assert manifest["counts"]["above the limit per title"] == 3 * 200 - 12
    texts = [row["text"] for row in rows_of(tmp_path / "corpus" / "train")]
    assert {f"Alpha {i}" for i in range(3)} <= set(texts)


@pytest.mark.parametrize("value", ["g", "g=much", "g=2"])
def test_shares_out_of_range(tmp_path, source, value):
    command = ["corpus", "build", f"{source}", f"{tmp_path}/corpus", "--weak-links", value]
    found = CliRunner().invoke(genre_cli, command)
    assert found.exit_code == 1
    assert "[D006]" in found.output
    assert not (tmp_path / "corpus").exists()
