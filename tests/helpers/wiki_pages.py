"""Titles and articles of a small wiki."""

# Titles with quotes, backslashes, SQL syntax and characters of several scripts.
TITLES = [
    "Albert Einstein",
    "Ain't Misbehavin'",
    '"Weird Al" Yankovic',
    "Backslash \\",
    "F(x),(1,0,'G')",
    "NULL",
    "Semicolon; INSERT INTO `page` VALUES (1,0,'X',0)",
    "São Paulo",
    "東京",
    "😀!",
    "C++",
    "''",
]

ANARCHISM = """{{About|the philosophy|other uses|Anarchism (disambiguation)}}
'''Anarchism''' is a [[political philosophy]], see [[Anarchism#History|above]] and [[#Notes]].
[[File:Kropotkin.jpg|thumb|[[Peter Kropotkin|Kropotkin]], by [[Nadar]]]]
{{Infobox|influences=[[Max_Stirner]]}}<ref>In [[Mutual Aid: A Factor of Evolution]].</ref>
<gallery>
File:Proudhon.jpg|[[Pierre-Joseph Proudhon]]
</gallery>
<!-- [[Not a link]] --> <nowiki>[[Not a link either]]</nowiki>
[[AccessibleComputing|Accessible]] [[computer accessibility]] [[CircleA]] [[WP about]]
[[wikt:anarchy]] [[Mercury (disambiguation)]] [[Ada]]{{disambiguation needed|date=May 2016}}
[[Category:Anarchism]]
[[fr:Anarchisme]]"""

PAGES = [
    ("AccessibleComputing", 0, "Computer accessibility", "#REDIRECT [[Computer accessibility]]"),
    ("Anarchism", 0, None, ANARCHISM),
    ("Ada", 0, None, "'''Ada''' may refer to:\n* [[Ada, Ohio]]\n\n{{Disambiguation}}"),
    ("CircleA", 0, "CircleB", "#REDIRECT [[CircleB]]"),
    ("CircleB", 0, "CircleA", "#REDIRECT [[CircleA]]"),
    ("WP about", 0, "Wikipedia:About", "#REDIRECT [[Wikipedia:About]]"),
    ("Wikipedia:About", 4, None, "[[Not read, for it is no article]]"),
    ("Afghanistan/People", 0, "Demographics of Afghanistan", "#REDIRECT [[…]]"),
]
