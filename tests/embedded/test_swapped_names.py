from random import Random

import srsly
from swapped_names import MAX_SWAPS, find_places, main, swap_names

from spacy_genre.corpora.texts import ALIAS, GoldMention, GoldText

TEXT = "In 1975 Queen toured with another band; Queen came from London."
QUEEN = GoldMention(8, 13, "Queen (band)")
LONDON = GoldMention(56, 62, "London")


def test_all_occurrences_of_the_name_are_replaced():
    places = find_places([GoldText(TEXT, (QUEEN, LONDON), opening="Queen are a band")])
    assert list(places) == ["band"]
    titles = ["Blue (band)", "Blue (album)", "Blue", "London"]
    (text,) = swap_names(titles, places, Random(0))
    assert text.text == "In 1975 Blue toured with another band; Blue came from London."
    assert text.opening == "Blue are a band"
    assert text.mentions == (GoldMention(8, 12, "Blue (band)", kind=ALIAS),)


def test_only_links_whose_text_is_the_name():
    others = [
        GoldMention(8, 20, "Queen (band)"),
        GoldMention(8, 13, "Queen (band)", kind=ALIAS),
        GoldMention(8, 13, "Brian May (guitarist)"),
    ]
    assert find_places([GoldText(TEXT, (other,)) for other in others]) == {}


def test_a_place_is_used_at_most_max_swaps_times():
    places = find_places([GoldText(TEXT, (QUEEN,))])
    texts = list(swap_names([f"Number {i} (band)" for i in range(50)], places, Random(0)))
    assert len(texts) == len({text.text for text in texts}) == MAX_SWAPS


def test_from_a_corpus_to_a_file(tmp_path):
    (tmp_path / "train").mkdir()
    row = GoldText(TEXT, (QUEEN,)).to_row()
    srsly.write_gzip_jsonl(tmp_path / "train" / "00000.jsonl.gz", [row])
    srsly.write_jsonl(tmp_path / "names.jsonl", [{"name": "Blue (band)"}, {"name": "Berlin"}])
    for out in ("one.jsonl", "two.jsonl"):
        main(tmp_path, tmp_path / "names.jsonl", tmp_path / out)
    (text,) = map(GoldText.from_row, srsly.read_jsonl(tmp_path / "one.jsonl"))
    (mention,) = text.mentions
    assert text.text[mention.start : mention.end] == "Blue"
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
