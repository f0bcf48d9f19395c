from spacy_genre import TitleSet
from spacy_genre.titles.numerical_identifiers import with_numerical_identifiers


def test_each_title_has_a_number(tokenizer):
    names = ["Apple", "Paris", "1", "1984"]
    titles = TitleSet.build(names, tokenizer, redirects={"City of Light": "Paris", "3": "Apple"})
    numbers = with_numerical_identifiers(titles, tokenizer)
    assert list(numbers) == ["0", "2", "4", "5"]  # "1" is a title, "3" a redirect
    assert sorted(numbers.id_of(number) for number in numbers) == sorted(names)
    for name in names:
        (number,) = numbers.names_of(name)
        assert numbers.id_of(number) == name
        assert numbers.resolve(name) is None  # it is no name, so that nothing means two things
    assert numbers.id_of("City of Light") == "Paris"
    assert numbers.id_of("3") == "Apple"
    assert list(with_numerical_identifiers(titles, tokenizer, seed=0)) == list(numbers)


def test_numbers_do_not_come_in_the_order_of_titles(tokenizer):
    titles = TitleSet.build([f"name {i:03}" for i in range(100)], tokenizer)
    numbers = with_numerical_identifiers(titles, tokenizer, seed=1)
    order = [numbers.id_of(str(i)) for i in range(100)]
    assert order != sorted(order)
    other = with_numerical_identifiers(titles, tokenizer, seed=2)
    assert order != [other.id_of(str(i)) for i in range(100)]
