import re
import sys
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import srsly
from hypothesis import given
from hypothesis import strategies as st
from swapped_names import MAX_SWAPS, main, places_of, splits, swapped

from spacy_genre.training.gold import ALIAS, GoldMention, GoldText

TEXT = "In 1975 Queen toured with another band; Queen came from London."
QUEEN = GoldMention(8, 13, "Queen (band)")
LONDON = GoldMention(56, 62, "London")
# A second band, so that what follows it counts as what kind of thing it is.
OTHER = GoldText("Hear Cream.", (GoldMention(5, 10, "Cream (band)"),))


def test_another_name_stands_wherever_the_old_one_did():
    text = GoldText(TEXT, (QUEEN, LONDON), opening="Queen are a band")
    places = places_of([text, OTHER])
    assert list(places) == [" (band)"]
    places[" (band)"].pop()
    titles = ["Blue (band)", "Blue (album)", "Blue", "London"]
    (found,) = swapped(titles, places, Random(0))
    assert found.text == "In 1975 Blue toured with another band; Blue came from London."
    assert found.opening == "Blue are a band"
    assert found.mentions == (GoldMention(8, 12, "Blue (band)", kind=ALIAS),)


def test_any_end_of_a_title_can_say_what_kind_of_thing_it_is():
    rows = [("Brazil lost.", 6, "Brazil national team"), ("Peru won.", 4, "Peru national team")]
    places = places_of(GoldText(text, (GoldMention(0, end, title),)) for text, end, title in rows)
    assert list(places) == [" national team"]
    titles = ["Chad national team", "Chad national park", "The national team"]
    assert {text.text for text in swapped(titles, places, Random(0))} <= {
        f"{name} {did}." for name in ("Chad", "The") for did in ("lost", "won")
    }


@given(st.text())
def test_splits_are_at_the_ends_of_words(title):
    found = list(splits(title))
    assert all(name + end == title and name and end for name, end in found)
    assert len(found) == len(re.findall(r"[^\W_](?=[\W_])", title))


def test_only_links_that_are_the_name_alone():
    others = [
        GoldMention(8, 20, "Queen (band)"),
        GoldMention(8, 13, "Queen (band)", kind=ALIAS),
        GoldMention(8, 13, "Brian May (guitarist)"),
    ]
    assert places_of([OTHER, *(GoldText(TEXT, (other,)) for other in others)]) == {}


def test_what_follows_one_name_only_may_be_a_surname():
    places = places_of([GoldText("Brian played.", (GoldMention(0, 5, "Brian May"),))] * 3)
    assert places == {}


def test_a_place_is_not_used_too_often():
    places = places_of([GoldText(TEXT, (QUEEN,)), OTHER])
    found = list(swapped([f"Number {i} (band)" for i in range(50)], places, Random(0)))
    assert len(found) == len({text.text for text in found}) == 2 * MAX_SWAPS


def test_from_a_corpus_to_a_file(tmp_path):
    (tmp_path / "train").mkdir()
    rows = [GoldText(TEXT, (QUEEN,)).to_row(), OTHER.to_row()]
    srsly.write_gzip_jsonl(tmp_path / "train" / "00000.jsonl.gz", rows)
    srsly.write_jsonl(tmp_path / "names.jsonl", [{"name": "Blue (band)"}, {"name": "Berlin"}])
    for out in ("one.jsonl", "two.jsonl"):
        main(tmp_path, tmp_path / "names.jsonl", tmp_path / out)
    (text,) = map(GoldText.from_row, srsly.read_jsonl(tmp_path / "one.jsonl"))
    (mention,) = text.mentions
    assert text.text[mention.start : mention.end] == "Blue"
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
