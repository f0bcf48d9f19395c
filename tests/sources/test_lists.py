"""The user's own lists."""

import json

import pytest

from spacy_genre.sources import Options, build_from_sources


def test_own_lists(tmp_path, tables, tokenizer):
    jsonl, tsv, plain = (tmp_path / name for name in ("own.jsonl", "own.tsv", "own.txt"))
    rows = [
        {
            "name": "Acme Corporation",
            "id": "C1",
            "aliases": ["Acme", "ACME"],
            "redirects": ["Acme Corp."],
            "description": "Maker of anvils",
            "count": 7,
            "something else": None,
        },
        {"name": "Einstein", "id": "C2"},
    ]
    jsonl.write_text("".join(json.dumps(row) + "\n" for row in rows))
    tsv.write_text(
        "\ufeffid\tname\taliases\tcount\r\nC3\tAcme Hotels\tAcme|Hotels\t2.5\r\n\tAcme Ltd\r\n",
        encoding="utf8",
    )
    plain.write_text("  Acme Inn \n\nAcme Corporation\n")
    titles = build_from_sources([*tables, jsonl, tsv, plain], tokenizer, skip_invalid=True)
    assert titles.id_of("Acme Corporation") == "C1"
    assert titles.description_of("Acme Corporation") == "Maker of anvils"
    assert titles.resolve("Acme Corp.") == "Acme Corporation"
    assert titles.get_candidates("Acme") == [("Acme Corporation", 1), ("Acme Hotels", 1)]
    assert titles.id_of("Acme Hotels") == "C3"
    assert titles.id_of("Acme Ltd") is None
    assert "Acme Inn" in titles
    # The user's own name wins over Wikipedia's redirect.
    assert titles.id_of("Einstein") == "C2"
    assert titles.id_of("A. Einstein") == "C2"
    assert titles.id_of("Albert Einstein") == "Q937"


def test_a_redirect_of_an_own_list_takes_precedence_over_a_title_of_a_wiki(
    tmp_path, tables, tokenizer
):
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps({"name": "Einstein, Albert", "redirects": ["Albert Einstein"]}))
    titles = build_from_sources([*tables, path], tokenizer)
    assert "Albert Einstein" not in titles
    for redirect in ("Albert Einstein", "Einstein", "A. Einstein"):
        assert titles.resolve(redirect) == "Einstein, Albert"
    assert titles.header["left_out"]["redirects of own lists"] == 1
    assert titles.header["left_out"]["redirects to no name of the set"] == 3  # as without the list


def test_each_alias_of_a_name_is_counted_once(tmp_path, tokenizer):
    path = tmp_path / "own.jsonl"
    path.write_text('{"name": "Acme Corporation", "aliases": ["Acme", "ACME"]}\n' * 2)
    counts = build_from_sources([path], tokenizer).header["counts"]
    assert counts["aliases"] == 2
    assert "links" not in counts


def test_a_table_of_names_alone(tmp_path, tokenizer):
    path = tmp_path / "own.tsv"
    path.write_text("name\nParis\nChicago\n")
    titles = build_from_sources([path], tokenizer)
    assert list(titles) == ["Chicago", "Paris"]
    assert titles.header["sources"][0]["kind"] == "tsv"


@pytest.mark.parametrize(
    "content",
    [
        'id,name,aliases\nQ1,"Paris, Texas",The \'Texas Paris\'|P;T\nQ2,"""X"" (film)"\n',
        '\ufeff"id", "name", "aliases"\r\n\r\nQ1, "Paris, Texas",\r\nQ2, """X"" (film)"\r\n,\r\n',
        'id;name;aliases\nQ1;Paris, Texas;\nQ2;"""X"" (film)";\n',
        '"aliases";"name";"id"\n"";Paris, Texas;Q1\n;"""X"" (film)";Q2',
    ],
)
def test_csv(tmp_path, tokenizer, content):
    path = tmp_path / "own.csv"
    path.write_text(content, encoding="utf8", newline="")
    titles = build_from_sources([path], tokenizer)
    assert {name: titles.id_of(name) for name in titles} == {
        "Paris, Texas": "Q1",
        '"X" (film)': "Q2",
    }
    if "P;T" in content:
        assert titles.get_candidates("P;T") == [("Paris, Texas", 1)]
    assert titles.header["sources"][0]["kind"] == "csv"


def test_a_quoted_column_of_names(tmp_path, tokenizer):
    path = tmp_path / "own.csv"
    path.write_text('"name"\n"Paris, Texas"\nRome\n')
    assert list(build_from_sources([path], tokenizer)) == ["Paris, Texas", "Rome"]


def test_the_line_of_an_invalid_name_in_a_csv(tmp_path, tokenizer):
    path = tmp_path / "own.csv"
    path.write_text(f'name,id\nRome,\n"""{"x " * 2000}""",\n')
    with pytest.raises(ValueError, match=r"own\.csv, line 3"):
        build_from_sources([path], tokenizer)


@pytest.mark.parametrize(
    "first",
    [
        *(
            "Paris, Texas",
            '"Weird Al" Yankovic',
            '"Heroes", live',
            "Steins;Gate",
            '"name',
            "names,id",
        ),
        *("<3 (album)", "<Love Is>: Live", "{{citation}}", "{Awayland}", '{"Heroes"}', "[{x}]"),
        *(
            '["Pop" album]',
            "[untitled]",
            "<",
            "{",
            "[",
            "{}",
            "[]",
            "<Love>",
            "<!>",
            "<html is no name",
        ),
        *("Name, image and likeness", "What's in a name, Romeo?", "id;aliases", "Name", '"Name"'),
    ],
)
def test_a_plain_list_may_begin_with_any_name(tmp_path, tokenizer, first):
    path = tmp_path / "own.txt"
    path.write_text(f'{first}\nParis\n"Rome", open city\nname,id\n')
    expected = {first, "Paris", '"Rome", open city', "name,id"}
    assert set(build_from_sources([path], tokenizer)) == expected


def test_surrounding_spaces_are_removed(tmp_path, tokenizer):
    path = tmp_path / "own.jsonl"
    row = {"name": " Paris ", "redirects": [" Lutetia\n"], "aliases": ["\tCity of Light "]}
    path.write_text(json.dumps(row))
    titles = build_from_sources([path], tokenizer)
    assert list(titles) == ["Paris"]
    assert titles.resolve("Lutetia") == "Paris"
    assert titles.get_candidates("City of Light") == [("Paris", 1)]


def test_unknown_keys_are_ignored(tmp_path, tokenizer):
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps({"name": "Paris", "country": "France", "identity": 5}))
    assert list(build_from_sources([path], tokenizer)) == ["Paris"]


def test_shared_ids(tmp_path, tokenizer):
    path = tmp_path / "own.tsv"
    path.write_text("name\tid\nAcme\tC1\nAcme Corporation\tC1\n")
    titles = build_from_sources([path], tokenizer, Options(shared_ids=True))
    assert titles.names_of("C1") == ["Acme", "Acme Corporation"]
