import pickle
import random
from functools import partial

import pytest
from helpers.genre_code import MarisaTrie, Trie, dump, nested
from helpers.tokenizers import byte_level
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_genre.cli  # noqa: F401  (adds its commands to the app)
from spacy_genre import TitleSet
from spacy_genre.convert.genre_titles import titles_from_genre
from spacy_genre.convert.tries import read_genre_files
from spacy_genre.tokenization import NameTokenizer

NAMES = ["Albert Einstein", "Einstein (crater)", "Ångström", "東京", "AC/DC", "Albert"]
EOS, BOS = 1, 0  # of the byte-level tokenizer


@pytest.fixture(scope="module")
def byte_tokenizer():
    return NameTokenizer(byte_level(add_prefix_space=False), bos=False)


@pytest.fixture(scope="module")
def sequences(byte_tokenizer):
    return [[EOS, *ids, EOS] for ids in byte_tokenizer.pieces(NAMES)]


def convert(path, data, tokenizer, **options):
    path.write_bytes(data)
    return titles_from_genre(read_genre_files([path], **options), tokenizer)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("kind", ["dict", "Trie", "trie.Trie", "MarisaTrie"])
def test_names_of_each_kind_of_prefix_tree(tmp_path, byte_tokenizer, sequences, kind, protocol):
    value = {"dict": nested, "MarisaTrie": partial(MarisaTrie, max_token_id=1000)}.get(kind, Trie)(
        sequences
    )
    data = dump(value, protocol, module="trie" if kind == "trie.Trie" else "genre.trie")
    titles = convert(tmp_path / "trie.pkl", data, byte_tokenizer)
    assert list(titles) == sorted(NAMES)
    encoded = titles.trie.find(byte_tokenizer.pieces(["Albert Einstein"])[0])
    assert encoded > 0  # with the tokens of the file


def test_tokens_beyond_the_gap_of_a_marisa_trie(tmp_path):
    tokens = [2, 5, 54_999, 55_000, 55_296, 120_000, 256_000, 2]
    path = tmp_path / "trie.pkl"
    path.write_bytes(dump(MarisaTrie([tokens, [2, 7, 2]])))
    assert sorted(read_genre_files([path]).sequences) == [tokens, [2, 7, 2]]


def test_names_with_a_start_token_for_a_model_without_one(tmp_path, byte_tokenizer, sequences):
    data = pickle.dumps(nested([[EOS, BOS, *ids[1:]] for ids in sequences]))
    with pytest.warns(UserWarning, match="W051.*suggest name_bos = true"):
        titles = convert(tmp_path / "trie.pkl", data, byte_tokenizer)
    assert list(titles) == sorted(NAMES)


def test_names_that_the_tokenizer_encodes_differently(tmp_path, byte_tokenizer, sequences):
    letters = [token for letter in "AC/DC" for token in byte_tokenizer.pieces([letter])[0]]
    (whole,) = byte_tokenizer.pieces(["a 1st"])
    parts = [token for letter in "a 1st" for token in byte_tokenizer.pieces([letter])[0]]
    assert whole != parts
    data = pickle.dumps(nested([[EOS, *letters, EOS], [EOS, *parts, EOS]]))
    with pytest.warns(UserWarning, match="W050.* 1 of 2 names .*'a 1st'"):
        titles = convert(tmp_path / "trie.pkl", data, byte_tokenizer)
    assert list(titles) == ["AC/DC", "a 1st"]


QIDS = {
    ("en", "Albert Einstein"): {"Q937"},
    ("it", "Albert Einstein"): {"Q937"},
    ("it", "Einstein"): ["Q937", "Q15990626"],  # the highest number, as in the paper's code
    ("de", "Ulm"): "Q3012",
}


def test_languages_with_ids(tmp_path, tokenizer):
    titles = convert(tmp_path / "ids.pkl", pickle.dumps(QIDS), tokenizer)
    assert sorted(titles.names_of("Q937")) == ["Albert Einstein >> en", "Albert Einstein >> it"]
    assert titles.id_of("Einstein >> it") == "Q15990626"
    assert titles.id_of("Ulm >> de") == "Q3012"
    italian = convert(tmp_path / "ids.pkl", pickle.dumps(QIDS), tokenizer, languages=["it"])
    assert list(italian) == ["Albert Einstein >> it", "Einstein >> it"]
    with pytest.raises(ValueError, match=r"X052.*languages"):
        convert(tmp_path / "ids.pkl", pickle.dumps(QIDS), tokenizer, languages=["fr"])


def test_a_prefix_tree_with_ids_and_mentions(tmp_path, byte_tokenizer):
    names = ["Albert Einstein >> en", "Albert Einstein >> it", "Ulm >> de", "Rome >> en"]
    tree = nested([[EOS, *ids, EOS] for ids in byte_tokenizer.pieces(names)])
    files = {"tree": tree, "ids": QIDS, "mentions": {"Albert": {"Q937": 12, "Q3012": 1}}}
    for name, value in files.items():
        (tmp_path / name).write_bytes(pickle.dumps(value))
    data = read_genre_files(tmp_path / name for name in files)
    titles = titles_from_genre(data, byte_tokenizer)
    assert list(titles) == sorted(names)
    assert titles.id_of("Ulm >> de") == "Q3012"
    assert titles.id_of("Rome >> en") is None
    assert titles.get_candidates("Albert") == [
        ("Albert Einstein >> en", 12),
        ("Albert Einstein >> it", 12),
        ("Ulm >> de", 1),
    ]


def test_mentions_alone(tmp_path, tokenizer):
    table = {"Einstein": ["Albert Einstein", "Einstein (crater)"], "nothing": []}
    titles = convert(tmp_path / "mentions.pkl", pickle.dumps(table), tokenizer)
    assert list(titles) == ["Albert Einstein", "Einstein (crater)"]
    assert dict(titles.get_candidates("Einstein"))["Albert Einstein"] == 1


def laughs(depth):
    """A small file whose shared dicts have 2 ** depth paths."""
    node = {}
    for _ in range(depth):
        node = {3: node, 4: node}
    return node


def cycle():
    root = {}
    root[3] = root
    return root


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (laughs(60), "X053"),
        (cycle(), "X053"),
        ({2: {"a": {}}}, "X053.*'a'"),
        ({2: [3]}, "X053"),
        ({2: {True: {}}}, "X053"),
        ([1, 2], "X051"),
        ({}, "X051"),
        ("text", "X051"),
        ({1.5: {}}, "X051"),
        ({("en", "A"): {"Q937"}, ("en", "B"): {"P31"}}, "X055.*P31"),
        ({("en", "A"): {"Q937"}, ("en",): {"Q1"}}, "X055"),
        ({("en", "A"): 5}, "X055"),
        ({("en", "A"): {"Q" + "9" * 5000}}, "X055"),
        ({"a": ["b"], "c": 3}, "X055"),
        ({"a": ["b"], "c": [["d"]]}, "X055"),
        ({"a": {"b": "many"}}, "X055"),
        ({"a": {"b": float("nan")}}, "X055"),
        ({"a": {"b": -1}}, "X055"),
    ],
)
def test_other_content_is_an_error(tmp_path, tokenizer, value, message):
    with pytest.raises(ValueError, match=message):
        convert(tmp_path / "file.pkl", pickle.dumps(value), tokenizer)


@pytest.mark.parametrize("cut", [0, 1, 8, 16, 40, 200, 1000, 3000])
def test_a_damaged_marisa_trie_is_an_error(tmp_path, sequences, cut):
    trie = MarisaTrie(sequences, max_token_id=1000)
    data, inner = dump(trie), trie.trie.tobytes()
    before, after = data.split(b"B" + len(inner).to_bytes(4, "little") + inner)  # BINBYTES
    path = tmp_path / "trie.pkl"
    path.write_bytes(before + b"B" + cut.to_bytes(4, "little") + inner[:cut] + after)
    with pytest.raises(ValueError, match=r"V05[03]"):
        read_genre_files([path])


@pytest.mark.parametrize("seed", range(20))
def test_changed_bytes_of_a_marisa_trie(tmp_path, sequences, seed):
    rng = random.Random(seed)
    data = bytearray(dump(MarisaTrie(sequences, max_token_id=1000)))
    start = data.index(b"We love Marisa.")
    for _ in range(3):
        data[rng.randrange(start, start + 1000)] = rng.randrange(256)
    (tmp_path / "trie.pkl").write_bytes(data)
    try:
        read_genre_files([tmp_path / "trie.pkl"])
    except ValueError as err:
        message = str(err)
    else:
        message = "X053"
    assert "V05" in message


# The command


def run(*args):
    return CliRunner().invoke(app, ["genre", "convert", "titles", *map(str, args)])


def test_the_command(tmp_path, tokenizer):
    pieces = tokenizer.pieces(["Paris", "Berlin"])
    bos, eos = tokenizer.hf.cls_token_id, tokenizer.hf.sep_token_id
    (tmp_path / "trie.pkl").write_bytes(pickle.dumps(nested([[bos, *p, eos] for p in pieces])))
    (tmp_path / "names.pkl").write_bytes(pickle.dumps({"the city": ["paris"]}))
    out = tmp_path / "out.titles"
    result = run(tmp_path / "trie.pkl", tmp_path / "names.pkl", out)
    assert result.exit_code == 0, result.output
    assert "Wrote 2 names" in result.output
    titles = TitleSet.open(out, tokenizer=tokenizer)
    assert list(titles) == ["berlin", "paris"]
    assert titles.get_candidates("the city") == [("paris", 1)]
    assert run(tmp_path / "trie.pkl", out).exit_code == 1  # it exists
    assert run(tmp_path / "trie.pkl", out, "--force").exit_code == 0


def test_the_command_refuses_code(tmp_path):
    (tmp_path / "trie.pkl").write_bytes(b"cos\nsystem\n(S'touch executed'\ntR.")
    result = run(tmp_path / "trie.pkl", tmp_path / "out")
    assert result.exit_code == 1
    assert "os.system" in result.output
    assert not (tmp_path / "out").exists()
