import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
import spacy
import srsly
from typer.testing import CliRunner

from spacy_genre.cli import genre_cli
from spacy_genre.corpora.texts import GoldMention, GoldText
from spacy_genre.evaluation.charts import data_set_names, make_charts, save_charts
from spacy_genre.evaluation.linking import TrainingCounts, evaluate, make_doc
from spacy_genre.evaluation.report import make_page
from spacy_genre.evaluation.unconstrained import link_unconstrained


def text(words, *mentions, **options):
    gold = []
    for surface, title in mentions:
        start = words.index(surface)
        gold.append(GoldMention(start, start + len(surface), title, **options))
    return GoldText(words, tuple(gold))


TEXTS = [
    text("Paris, Texas, is a film.", ("Paris, Texas", "Paris, Texas"), ("Paris", "paris")),
    text("Einstein met Nobody in Chicago.", ("Einstein", "Einstein"), ("Nobody", "Nobody X")),
    text("We saw apples.", ("apples", "Apple"), label="FOOD"),
]
TRAINING_TEXT = text("Einstein saw Paris.", ("Einstein", "Albert Einstein"), ("Paris", "Paris"))
ANSWERS = {"Paris, Texas": "Paris, Texas", "Paris": "Paris, Texas", "Einstein": "Albert Einstein",
           "Nobody": "NIL", "apples": "Apple"}  # fmt: skip


def link(docs):
    for doc in docs:
        for ent in doc.ents:
            for token in ent:
                token.ent_kb_id_ = ANSWERS[ent.text]
        yield doc


def training_counts(titles):
    return TrainingCounts.from_texts([TRAINING_TEXT] * 10, titles)


def test_evaluate(titles):
    metrics = evaluate(spacy.blank("en"), link, titles, TEXTS, training_counts(titles))
    assert metrics["mentions"] == 5
    assert metrics["in_set"] == 0.8
    assert metrics["micro_p"] == 0.75
    assert metrics["micro_r"] == 0.6
    assert metrics["micro_f"] == pytest.approx(2 * 0.75 * 0.6 / 1.35)
    assert metrics["accuracy_in_set"] == 0.75
    by_frequency = {
        k: (row["mentions"], row["micro_r"]) for k, row in metrics["by_frequency"].items()
    }
    assert by_frequency == {"never seen": (3, 2 / 3), "seen, 10 or more": (2, 0.5)}
    by_form = {key: row["mentions"] for key, row in metrics["by_form"].items()}
    assert by_form == {"the title": 3, "another form": 2}
    assert metrics["by_label"]["FOOD"]["micro_f"] == 1.0
    assert metrics["most_frequent_title"]["micro_r"] == 0.4
    assert metrics["most_frequent_title"]["micro_p"] == 1.0


def test_docs_have_the_opening(titles):
    opening = "Paris is a town in Texas."
    texts = [replace(TEXTS[0], opening=opening), TEXTS[2]]
    openings = []

    def link_and_record(docs):
        for doc in docs:
            openings.append(doc._.genre_opening)
            yield from link([doc])

    evaluate(spacy.blank("en"), link_and_record, titles, texts)
    assert openings == [opening, opening, ""]


def test_gold_ids_are_resolved(titles):
    texts = [GoldText("Paris", (GoldMention(0, 5, "", id="Q6"),))]
    answers = evaluate(spacy.blank("en"), lambda docs: map(_q6, docs), titles, texts)
    assert answers["micro_f"] == 1.0
    assert "by_frequency" not in answers


def test_nil_mentions_are_counted(titles):
    texts = [GoldText("Paris", (GoldMention(0, 5, "", id="NIL"),))]
    metrics = evaluate(spacy.blank("en"), lambda docs: map(_q6, docs), titles, texts)
    assert (metrics["mentions"], metrics["in_set"], metrics["micro_p"]) == (1, 0, 0)


def _q6(doc):
    doc[0].ent_kb_id_ = "Q6"
    return doc


def test_mentions_with_surrounding_whitespace(titles):
    words = "apples   We saw apples \t"
    rows = [{"start": i, "end": j, "title": "Apple"} for i, j in ((0, 9), (15, len(words)))]
    texts = [GoldText.from_row({"text": words, "mentions": rows})]
    metrics = evaluate(spacy.blank("en"), link, titles, texts)
    assert (metrics["mentions"], metrics["micro_f"]) == (2, 1.0)


def test_make_doc_splits_tokens_at_mentions():
    words = "New York's (best) mayor\n\nof  NYC."
    spans = [(0, 3), (4, 10), (12, 14), (18, 20), (29, 32)]
    doc = make_doc(spacy.blank("en"), words, [GoldMention(a, b, "T") for a, b in spans])
    assert doc.text == words
    assert [ent.text for ent in doc.ents] == [words[a:b] for a, b in spans]


def test_entities_have_gold_candidates():
    (gold,) = text(
        "We saw Paris.", ("Paris", "Paris"), candidates=("Paris,_Texas", "Paris")
    ).mentions
    doc = make_doc(spacy.blank("en"), "We saw Paris.", [gold])
    assert doc.ents[0]._.genre_gold_candidates == ["Paris,_Texas", "Paris"]
    assert doc[0:1]._.genre_gold_candidates is None


def evaluated(tmp_path, *options):
    """The figures of the command."""
    out = tmp_path / "out.json"
    command = ["evaluate", *map(str, options), "--out", str(out)]
    result = CliRunner().invoke(genre_cli, command)
    assert result.exit_code == 0, result.output
    (metrics,) = srsly.read_json(out).values()
    return metrics, result.output


def test_the_command_with_candidates(titles, tmp_path):
    titles.save(tmp_path / "titles")
    only = [
        text("Einstein was a physicist.", ("Einstein", "Chicago"), candidates=("chicago",)),
        text("Germany has many cities.", ("Germany", "Germany")),  # none: all names are searched
        text("Apple fell.", ("Apple", "Paris"), candidates=("Nobody", "Paris,_Texas", "Q6")),
        text("Einstein was there.", ("Einstein", "Albert Einstein"), candidates=("Einstein",)),
    ]
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps(t.to_row()) + "\n" for t in only))
    options = [data, "--titles", tmp_path / "titles", "--candidates"]
    metrics, output = evaluated(tmp_path, *options, "data")
    assert metrics["micro_f"] == 0.5
    assert metrics["with_candidates"]["micro_f"] >= 0.75
    assert "with candidates" in output
    metrics, output = evaluated(tmp_path, *options, "none")
    assert metrics["micro_f"] == 0.5
    assert "with candidates" not in output
    metrics, _ = evaluated(tmp_path, *options, "aliases")
    assert metrics["with_candidates"]["micro_f"] == 0.5
    result = CliRunner().invoke(genre_cli, ["evaluate", str(data), "--candidates", "some"])
    assert result.exit_code == 2
    assert all(f"'{choice}'" in result.output for choice in ("data", "aliases", "none"))


def test_the_command(titles, tmp_path):
    titles.save(tmp_path / "titles")
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps(t.to_row()) + "\n" for t in TEXTS))
    command = ["evaluate", str(data), "--titles", str(tmp_path / "titles")]
    out = tmp_path / "out.json"
    options = ["--train", str(data), "--out", str(out), "--html", str(tmp_path / "page.html")]
    options += ["--plots", str(tmp_path / "plots")]
    result = CliRunner().invoke(genre_cli, [*command, *options])
    assert result.exit_code == 0, result.output
    assert "most frequent title" in result.output
    assert "8 titles" in (tmp_path / "page.html").read_text("utf8")
    assert (tmp_path / "plots" / "form.png").exists()
    (metrics,) = srsly.read_json(out).values()
    assert metrics["mentions"] == 5
    assert metrics["accuracy_in_set"] > 0.4
    result = CliRunner().invoke(genre_cli, [*command, "--unconstrained", "--out", str(out)])
    assert "of the answers are no title" in result.output
    metrics = srsly.read_json(out)[str(data)]
    assert metrics["no_title"] == 0 < metrics["unconstrained"]["no_title"]
    nlp = spacy.blank("en")
    nlp.to_disk(tmp_path / "nlp")
    result = CliRunner().invoke(genre_cli, [*command, "--pipeline", str(tmp_path / "nlp")])
    assert result.exit_code == 1
    assert "D014" in result.output


def test_the_command_with_a_model(titles, tmp_path, tiny_folder):
    titles.save(tmp_path / "titles")
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps(t.to_row()) + "\n" for t in TEXTS))
    options = [data, "--titles", tmp_path / "titles", "--model", tiny_folder]
    metrics, _ = evaluated(tmp_path, *options, "--html", tmp_path / "page.html")
    assert metrics["mentions"] == 5
    assert str(tiny_folder) in (tmp_path / "page.html").read_text("utf8")
    command = ["evaluate", *map(str, options), "--pipeline", str(tmp_path)]
    result = CliRunner().invoke(genre_cli, command)
    assert result.exit_code == 1
    assert "D018" in result.output


# Without the constraint


def test_unconstrained_linking_writes_what_generate_gives(nlp, titles):
    """Generated titles become names; other texts are written unchanged and are wrong."""
    linker = nlp.get_pipe("genre_linker")
    doc = make_doc(nlp, "Germany plays, Hamburg does not.", [mention(0, 7), mention(15, 22)])
    (linked,) = link_unconstrained([doc], linker=linker)
    ents = linked.ents
    assert ents[0].kb_id_ == "Germany"
    assert ents[1].kb_id_ not in ("", "NIL")
    assert ents[1].kb_id_ not in titles
    titles.add(ents[1].kb_id_.title())
    (again,) = link_unconstrained([doc], linker=linker)
    assert again.ents[1].kb_id_ == ents[1].kb_id_.title()


def mention(start, end, title="Germany", **options):
    return GoldMention(start, end, title, **options)


def test_predictions_that_are_no_title_are_wrong(titles):
    texts = [GoldText("Germany", (mention(0, 7),)), GoldText("Prussia", (mention(0, 7),))]
    metrics = evaluate(spacy.blank("en"), _copied, titles, texts)
    assert metrics["no_title"] == 0.5
    assert metrics["micro_p"] == metrics["micro_r"] == 0.5


def _copied(docs):
    for doc in docs:
        doc[0].ent_kb_id_ = doc.text
        yield doc


# The report and the charts


def results(titles):
    metrics = evaluate(spacy.blank("en"), link, titles, TEXTS, training_counts(titles))
    return {
        "data/<b>$.jsonl.gz": metrics,
        "corpus/dev": {**metrics, "unconstrained": {**metrics, "no_title": 0.25}},
    }


def test_the_page(titles):
    page = make_page(results(titles), {"pipeline": "<model> & more"})
    root = ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>"))
    text = " ".join(root.itertext())
    for part in ("<model> & more", "<b>$", "corpus/dev", "never seen", "FOOD", "88.8", "no title"):
        assert part in text
    assert "— most frequent title" in text
    assert len(root.findall(".//{*}svg")) == 4
    # Nothing else is loaded.
    assert re.findall(r"(?:src|href)=.(?!https://arxiv|#)", page) == []
    assert re.findall(r"url\((?!#)", page) == []
    ids = re.findall(r' id="([^"]*)"', page)
    assert len(ids) == len(set(ids)) > 0
    references = re.findall(r"(?:href=.|url\()#([^\")]*)", page)
    assert set(references) <= set(ids)


def test_the_page_without_matplotlib(titles, monkeypatch):
    monkeypatch.setattr("spacy_genre.evaluation.charts.find_spec", lambda name: None)
    page = make_page(results(titles), {})
    assert "<svg" not in page
    assert "spacy_genre[evaluation]" in page.replace("&#34;", '"')
    assert "never seen" in page


def test_the_page_without_training_counts(titles):
    metrics = evaluate(spacy.blank("en"), link, titles, TEXTS[:1])
    assert "— most frequent title" not in make_page({"x.jsonl": metrics}, {})
    empty = evaluate(spacy.blank("en"), link, titles, [])
    assert "</html>" in make_page({"x.jsonl": empty}, {})


def test_charts(titles):
    charts = {chart.name: chart for chart in make_charts(results(titles))}
    assert list(charts) == ["data_sets", "cold_start", "form", "labels"]
    assert charts["data_sets"].groups == ["<b>$", "corpus/dev"]
    assert charts["cold_start"].series["<b>$"] == [1.0, 0.5]
    for chart in charts.values():
        assert all(len(values) == len(chart.groups) for values in chart.series.values())


def test_data_set_names():
    paths = ["a/dev.jsonl.gz", "corpus/dev", "b/x.jsonl", "c/x.spacy", "one"]
    expected = ["dev", "corpus/dev", "b/x.jsonl", "c/x.spacy", "one"]
    assert [*data_set_names({path: {} for path in paths}).values()] == expected


def test_plots(titles, tmp_path, monkeypatch):
    files = save_charts(results(titles), tmp_path / "plots")
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files)
    assert len(files) == 4
    monkeypatch.setattr("spacy_genre.evaluation.charts.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"F015.*pip install"):
        save_charts({}, tmp_path)
