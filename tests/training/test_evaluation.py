import json

import pytest
import spacy
import srsly
from typer.testing import CliRunner

from spacy_genre.cli import genre_cli
from spacy_genre.training.evaluation import Seen, evaluate, make_doc
from spacy_genre.training.gold import GoldMention, GoldText


def text(words, *mentions, **options):
    found = []
    for surface, title in mentions:
        start = words.index(surface)
        found.append(GoldMention(start, start + len(surface), title, **options))
    return GoldText(words, tuple(found))


TEXTS = [
    text("Paris, Texas, is a film.", ("Paris, Texas", "Paris, Texas"), ("Paris", "paris")),
    text("Einstein met Nobody in Chicago.", ("Einstein", "Einstein"), ("Nobody", "Nobody X")),
    text("We saw apples.", ("apples", "Apple"), label="FOOD"),
]
SEEN = [text("Einstein saw Paris.", ("Einstein", "Albert Einstein"), ("Paris", "Paris"))] * 10
ANSWERS = {"Paris, Texas": "Paris, Texas", "Paris": "Paris, Texas", "Einstein": "Albert Einstein",
           "Nobody": "NIL", "apples": "Apple"}  # fmt: skip


def link(docs):
    for doc in docs:
        for ent in doc.ents:
            for token in ent:
                token.ent_kb_id_ = ANSWERS[ent.text]
        yield doc


def test_evaluate(titles):
    found = evaluate(spacy.blank("en"), link, titles, TEXTS, Seen.of(SEEN))
    assert found["mentions"] == 5
    assert found["in_set"] == 0.8
    assert found["micro_p"] == 0.75
    assert found["micro_r"] == 0.6
    assert found["micro_f"] == pytest.approx(2 * 0.75 * 0.6 / 1.35)
    assert found["accuracy_in_set"] == 0.75
    by_frequency = {
        k: (row["mentions"], row["micro_r"]) for k, row in found["by_frequency"].items()
    }
    assert by_frequency == {"never seen": (3, 2 / 3), "seen, 10 or more": (2, 0.5)}
    by_form = {key: row["mentions"] for key, row in found["by_form"].items()}
    assert by_form == {"the title": 3, "another form": 2}
    assert found["by_label"]["FOOD"]["micro_f"] == 1.0
    assert found["most_frequent_title"]["micro_r"] == 0.4
    assert found["most_frequent_title"]["micro_p"] == 1.0


def test_ids_count_as_their_names(titles):
    texts = [GoldText("Paris", (GoldMention(0, 5, "", id="Q6"),))]
    answers = evaluate(spacy.blank("en"), lambda docs: map(_q6, docs), titles, texts, Seen())
    assert answers["micro_f"] == 1.0
    assert "by_frequency" not in answers


def _q6(doc):
    doc[0].ent_kb_id_ = "Q6"
    return doc


def test_make_doc_cuts_at_the_mentions():
    words = "New York's (best) mayor\n\nof  NYC."
    spans = [(0, 3), (4, 10), (12, 14), (18, 20), (29, 32)]
    doc = make_doc(spacy.blank("en"), words, [GoldMention(a, b, "T") for a, b in spans])
    assert doc.text == words
    assert [ent.text for ent in doc.ents] == [words[a:b] for a, b in spans]


def test_the_entities_carry_their_candidates():
    (gold,) = text(
        "We saw Paris.", ("Paris", "Paris"), candidates=("Paris,_Texas", "Paris")
    ).mentions
    doc = make_doc(spacy.blank("en"), "We saw Paris.", [gold])
    assert doc.ents[0]._.genre_given == ["Paris,_Texas", "Paris"]
    assert doc[0:1]._.genre_given is None


def evaluated(tmp_path, *options):
    """The figures of the command."""
    out = tmp_path / "out.json"
    command = ["evaluate", *map(str, options), "--out", str(out)]
    result = CliRunner().invoke(genre_cli, command)
    assert result.exit_code == 0, result.output
    (found,) = srsly.read_json(out).values()
    return found, result.output


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
    found, output = evaluated(tmp_path, *options, "data")
    assert found["micro_f"] == 0.5
    assert found["with_candidates"]["micro_f"] >= 0.75
    assert "with candidates" in output
    found, output = evaluated(tmp_path, *options, "none")
    assert found["micro_f"] == 0.5
    assert "with candidates" not in output
    found, _ = evaluated(tmp_path, *options, "aliases")
    assert found["with_candidates"]["micro_f"] == 0.5
    result = CliRunner().invoke(genre_cli, ["evaluate", str(data), "--candidates", "some"])
    assert result.exit_code == 1
    assert "one of data, aliases, none" in result.output


def test_the_command(titles, tmp_path):
    titles.save(tmp_path / "titles")
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps(t.to_row()) + "\n" for t in TEXTS))
    command = ["evaluate", str(data), "--titles", str(tmp_path / "titles")]
    out = tmp_path / "out.json"
    result = CliRunner().invoke(genre_cli, [*command, "--train", str(data), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "most frequent title" in result.output
    (found,) = srsly.read_json(out).values()
    assert found["mentions"] == 5
    assert found["accuracy_in_set"] > 0.4
    nlp = spacy.blank("en")
    nlp.to_disk(tmp_path / "nlp")
    result = CliRunner().invoke(genre_cli, [*command, "--pipeline", str(tmp_path / "nlp")])
    assert result.exit_code == 1
    assert "D014" in result.output
