"""Mentions without context: well-known names and the usual words of links, alone, behind a label, or in a list."""
import gzip, json, random, re
from collections import Counter, defaultdict
import sys
sys.path.insert(0, "/work/trainer")
from spacy_genre import TitleSet
from spacy_genre.training.names import find_name
N_VITAL, N_LINKS, N_LABEL, N_LIST = map(int, sys.argv[2:6])
ch = random.Random(5); titles = TitleSet.open("/work/trainer/work/titles_old")
memo = {}
def name_of(t):
    if t not in memo: memo[t] = find_name(titles, t)
    return memo[t]
vital = [r for r in json.load(gzip.open("/work/base/in/vital_articles.json.gz", "rt")).values()]
vital = [r for r in vital if name_of(r["title"])]
print(vital[5].keys(), {k: str(v)[:100] for k, v in vital[5].items()})
by = defaultdict(Counter)
for line in gzip.open("/work/base/in/anchors.tsv.gz", "rt"):
    s, t, n = line.rstrip("\n").split("\t")
    if (t := name_of(t)): by[s][t] += int(n)
held = {json.loads(l)["text"] for l in open("/work/trainer/work/dev/bare51.jsonl")} 
def row(before, m, after, t): return {"text": before + m + after, "mentions": [{"start": len(before), "end": len(before) + len(m), "title": t, "key": "bare"}]}
rows = []
plain = [r for r in vital if "(" not in r["title"] and r["title"] not in held]
def favourite(s, default):
    c = by.get(s)
    if not c or default in c and c[default] * 2 >= max(c.values()): return default
    return default
pool = []
for s, c in by.items():
    n = sum(c.values()); t, k = c.most_common(1)[0]
    if n >= 6 and k / n >= .55 and len(re.findall(r"[^\W\d_]", s)) >= 3 and not re.search(r"\d", s) and len(s) < 40 and (s[0].isupper()):
        pool.append((s, t, n))
print(len(pool), ch.sample(pool, 30))
# a favourite that names a season, a team, a record of what the mention says is that of tables: skip
bad = re.compile(r"List of|\d|team|season|airport|at the|F\.C\.|football|cricket|basketball|Airport|Championship|League", re.I)
pool = [x for x in pool if x[0] not in held and not bad.search(x[1]) or bad.search(x[0])]
# where the name itself is an article of a vital subject, that is meant
vit = {r["title"] for r in vital}
pool = [(s, s if s in vit else t, n) for s, t, n in pool]
ch.shuffle(pool)
for s, t, n in pool[:N_LINKS]: rows.append(row("", s, "", name_of(t)))
for r in ch.sample(plain, N_VITAL): rows.append(row("", r["title"], "", name_of(r["title"])))
LABELS = ("Name", "Title", "Subject", "Topic", "Entity", "Item")
for r in ch.sample(plain, N_LABEL):
    what = (r.get("description") or "").split(",")[0].split(" of ")[0].split(" in ")[0].strip()
    what = what if what and len(what) < 40 and ch.random() < .85 else ch.choice(LABELS)
    what = what.split(" ")[-1] if ch.random() < .5 else what
    what = what[:1].upper() + what[1:]
    rows.append(row(f"{what}{ch.choice((': ', ': ', ' | ', ' - '))}", r["title"], "", name_of(r["title"])))
topics = defaultdict(list)
for r in plain: topics[str(r.get("topic"))].append(r["title"])
keys = [k for k, v in topics.items() if len(v) > 8]
for _ in range(N_LIST):
    some = ch.sample(topics[ch.choice(keys)], ch.randint(2, 6)); sep = ch.choice((", ", " | ", "\n", "; ")); i = ch.randrange(len(some))
    before = sep.join(some[:i]) + (sep if i else ""); after = (sep if i + 1 < len(some) else "") + sep.join(some[i + 1:])
    rows.append(row(before, some[i], after, name_of(some[i])))
ch.shuffle(rows)
with open(sys.argv[1], "w") as f:
    for r in rows: f.write(json.dumps(r, ensure_ascii=False) + "\n")
print(len(rows)); [print(r) for r in rows[:12]]
