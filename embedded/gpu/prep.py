"""Everything the training reads, as arrays of tokens: python prep.py OUT"""
import gzip, json, random, re, sys, time, zlib
from collections import Counter, defaultdict
from pathlib import Path
sys.path.insert(0, "/work/trainer"); sys.path.insert(0, "/work/trainer/lab")
import numpy as np
from common import make, W
from spacy_genre import TitleSet
from spacy_genre.training.articles import ArticleOptions, page_texts, YEAR, LIST_TITLE
from spacy_genre.training.gold import LINK
from spacy_genre.training.names import find_name
from spacy_genre.training.reading import _page, texts_of_row
from tokenizers import Tokenizer
OUT = Path(sys.argv[1]); OUT.mkdir(exist_ok=True)
T0 = time.time()
D = Path("/work/shared/data"); DATA, EMB = D / "wiki_links", Path("/work/base/emb")
titles = TitleSet.open("/work/trainer/work/titles_old")
excluded = set((EMB / "excluded.txt").read_text().split("\n"))
QUAL = re.compile(r"(.+?)(?: \(([^()]+)\)|, (.+))"); LETTERS = re.compile(r"[^\W\d_]{2}")
R = random.Random(3)
def fraction(text): return zlib.crc32(text.encode("utf8", "surrogatepass")) / 2**32
names = [json.loads(l)["name"] for l in open(EMB / "names.jsonl")]
siblings = set()
for n in names:
    if (m := QUAL.fullmatch(n)): siblings.add(m[1].lower())
def form(surface, title):
    a, b = surface.lower().strip("'\" ."), title.lower()
    if a == b: return "copyamb" if a in siblings else "copy"
    m = QUAL.fullmatch(title)
    if m and m[1].lower() == a: return "plain"
    return "part" if a in b or b in a else "other"
# Names of the trie first, then other gold titles (new titles) that only training pairs have.
otts = {}
for l in gzip.open(D / "titles/ott_redirects.tsv.gz", "rt"):
    a, b = l.rstrip("\n").split("\t")[:2]; otts[a] = b
new = set()
for l in gzip.open(D / "titles/new_titles.tsv.gz", "rt"): new.add(l.split("\t")[0])
memo = {}
def name_of(t):
    if t not in memo:
        n = find_name(titles, t)
        if not n and t in otts: n = find_name(titles, otts[t])
        if not n and t in new and t not in otts: n = t
        memo[t] = n
    return memo[t]
title_id = {n: i for i, n in enumerate(names)}
title_list = list(names); N_TRIE = len(names)
def tid(name):
    if name not in title_id: title_id[name] = len(title_list); title_list.append(name)
    return title_id[name]
salience = set()
for line in gzip.open(DATA / "wikinews_salience.jsonl.gz", "rt"):
    for p in json.loads(line)["paragraphs"]: salience.add(p["text"][:40])
def pages(name):
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt") as f:
        for line in f: yield json.loads(line)
def plain_texts(row, opening_text=""):
    opening = opening_text
    for i, p in enumerate(row["paragraphs"]):
        ms = [(k["start"], k["end"], k["title"], k.get("src", "gold")) for k in p["links"] if p["text"][k["start"]:k["end"]].strip()]
        yield p["text"], opening, ms
        if i == 0 and not opening: opening = p["text"][:200]
heldpages = 0
def all_texts():
    """(group, page, text, opening, [(start, end, title, kind)], complete)"""
    global heldpages
    full = ArticleOptions(own_title=True, repeats=True, short_forms=True, lists=0.9, openings=0.75)
    for source in ("wtq", "gensim_enwiki", "wtf", "dbpedia_minidump", "html_pages"):
        group = "wiki" if source != "html_pages" else "html"
        for row in pages(source):
            if row["title"] in excluded: continue
            for t in page_texts(_page(row), full):
                yield group, row["title"], t.text, t.opening, [(m.start, m.end, m.title, "gold" if m.kind == LINK else m.kind.replace(" ", "_")) for m in t.mentions], 1
    for n in range(4):
        for row in pages(f"ott_passages.{n}"):
            if row["title"] in excluded: continue
            if fraction("r:" + row["title"]) < .0125: heldpages += 1; continue
            sure = row.get("title_sure", True)
            for text, op, ms in plain_texts(row):
                if not sure: ms = [m for m in ms if m[3] != "s"]
                yield ("passage" if sure else "passage_"), row["title"], text, "", ms, 0
    for source, group in (("ott_tables", "table"), ("onthisday", "day"), ("current_events", "events"), ("gum", "gum"), ("wikinews_2019_20", "news"), ("fewrel_val", "fewrel"), ("redocred", "redocred")):
        for row in pages(source):
            if row["title"] in excluded: continue
            if source == "gum" and row["genre"] not in ("news", "interview", "bio", "voyage", "speech", "textbook", "conversation", "court"): continue
            intro = row.get("intro", "") if group == "table" else ""
            g = "dayb" if source == "onthisday" and row.get("kind") != "events" else group
            for text, op, ms in plain_texts(row, intro):
                if text[:40] in salience and len(text) > 25: continue
                if group in ("day", "events", "fewrel"): op = ""
                elif fraction("o:" + text) > 0.75: op = ""
                yield g, row["title"], text, op, ms, int(group == "gum")
    for source, group in (("vital", "vital"), ("described", "described"), ("everyday", "everyday"), ("more_bare", "bare")):
        for line in open(EMB / f"{source}.jsonl"):
            for t in texts_of_row(json.loads(line), ArticleOptions(own_title=True)):
                if t.page in excluded: continue
                yield group, t.page, t.text, t.opening, [(m.start, m.end, m.title, "gold" if m.kind == LINK else m.kind.replace(" ", "_")) for m in t.mentions], 0
    for line in open("/work/gpu/bare.jsonl"):
        r = json.loads(line); yield "famous", "", r["text"], "", [(m["start"], m["end"], m["title"], "gold") for m in r["mentions"]], 0
    turns = [json.loads(l) for l in gzip.open(D / "benchmarks/conel22_train.jsonl.gz", "rt")]
    for a, t in zip([None] + turns, turns):
        before = a["text"].strip() + " " if a and a["id"].split("-")[0] == t["id"].split("-")[0] else ""
        for b in {"", before}:
            yield "conel", "", b + t["text"], "", [(len(b) + m["start"], len(b) + m["end"], m["title"], "gold") for m in t["mentions"]], int(not b)
    for line in open("/work/trainer/work/c3/train.jsonl"):
        r = json.loads(line)
        if r["mentions"][0]["key"].startswith("surname"):
            yield "surname", "", r["text"], r.get("opening", ""), [(m["start"], m["end"], m["title"], "gold") for m in r["mentions"]], 0
PER_PAGE_DEV = {"wiki": .02, "html": .2, "passage": .01, "passage_": .01, "table": .02, "gum": .1, "redocred": .05}
texts, openings, ments, groups, complete = [], [], [], [], []
counts = Counter(); dev_texts = Counter(); seen_text = set()
for group, page, text, opening, ms, comp in all_texts():
    if group in PER_PAGE_DEV and fraction(f"0:{page}") < PER_PAGE_DEV[group] or group in ("day", "dayb", "events", "news", "fewrel") and fraction(f"0:{text}") < .02:
        dev_texts[group] += 1; continue
    kept = []; n_diff = 0; skipped = []
    for a, b, title, kind in ms:
        surface = text[a:b]
        skipped.append((a, b))
        if not LETTERS.search(surface) or len(surface) > 90 or surface in ("ISBN", "PMID", "edit"): continue
        name = name_of(title)
        if not name or LIST_TITLE.match(name): counts["out"] += 1; continue
        if YEAR.fullmatch(name) or YEAR.fullmatch(surface): continue
        if sum(c.isdigit() for c in surface) > len(surface) / 3: continue
        f = form(surface, name); n_diff += f not in ("copy", "copyamb")
        kept.append((a, b, tid(name), f"{group}:{kind}:{f}", surface[0].isupper() or surface[0].isdigit()))
        skipped.pop()
    if not kept and not (comp and skipped is not None) and group != "passage": continue
    # Texts that have nothing but copies teach little: a share of them.
    if not n_diff and group in ("day", "dayb", "events", "table", "fewrel", "redocred") and not comp and R.random() > .35: continue
    if group == "dayb" and R.random() > .3: continue
    if len(text) > 6000: text = text[:6000]; kept = [k for k in kept if k[1] <= 6000]; skipped = [s for s in skipped if s[1] <= 6000]
    key = (text, opening[:60])
    if key in seen_text and group in ("passage", "passage_", "day", "events", "redocred"): continue
    seen_text.add(key)
    texts.append(text); openings.append(opening); ments.append((kept, skipped)); groups.append(group); complete.append(comp)
print("texts", len(texts), "dev", dict(dev_texts), "held", heldpages, round(time.time() - T0), flush=True)
N_LINK = len(texts)
# Retrieval
rows = defaultdict(list); dev_r = []
for l in gzip.open(D / "retrieval/pairs.jsonl.gz", "rt"):
    r = json.loads(l); rows[r["src"]].append((r["text"], r["title"]))
r_doc, r_title, r_src = [], [], []
srcs = []
for src, items in sorted(rows.items()):
    srcs.append(src)
    for text, title in items:
        name = name_of(title)
        if not name or title in excluded: continue
        if fraction("r:" + title) < .1:
            if name in title_id and title_id[name] < N_TRIE: dev_r.append({"text": text, "title": name, "src": src})
            continue
        r_doc.append(len(texts)); r_title.append(tid(name)); r_src.append(len(srcs) - 1)
        texts.append(text[:900]); openings.append(""); ments.append(([], [])); groups.append("retrieval"); complete.append(0)
for n in range(4):
    for row in pages(f"ott_passages.{n}"):
        if row.get("title_sure", True) and fraction("r:" + row["title"]) < .0125 and row["title"] not in excluded and name_of(row["title"]) in title_id and title_id[name_of(row["title"])] < N_TRIE:
            dev_r.append({"text": row["paragraphs"][0]["text"], "title": name_of(row["title"]), "src": "opening", "own": [[k["start"], k["end"]] for k in row["paragraphs"][0]["links"] if k.get("src") == "s"]})
page_title = {}
srcs.append("opening"); srcs.append("intro")
json.dump(dev_r, open(OUT / "retrieval_dev.json", "w"), ensure_ascii=False)
print("retrieval", len(r_doc), "dev", len(dev_r), Counter(x["src"] for x in dev_r), round(time.time() - T0), flush=True)
# openings: documents of "passage" whose page's name is known: own title of the page (kind s, or the page's title)
# need pages: run through again in the same order is fragile, so the title was not kept above; take it from the s links
for i in range(N_LINK):
    if groups[i] == "passage":
        own = Counter(k[2] for k in ments[i][0] if k[3].split(":")[1] == "s")
        if own:
            r_doc.append(i); r_title.append(own.most_common(1)[0][0]); r_src.append(len(srcs) - 2)
intros = {}
for row in pages("ott_tables"):
    if row["title"] in excluded or fraction("r:" + row["title"]) < .1 or not row.get("intro"): continue
    if (n := name_of(row["title"])) and row["title"] not in intros:
        intros[row["title"]] = 1
        r_doc.append(len(texts)); r_title.append(tid(n)); r_src.append(len(srcs) - 1)
        texts.append(row["intro"][:500]); openings.append(""); ments.append(([], [])); groups.append("retrieval"); complete.append(0)
print("retrieval pairs", len(r_doc), {srcs[k]: v for k, v in Counter(r_src).items()}, flush=True)
# Tokens
tok = Tokenizer.from_file("/work/gpu/warm/tokenizer.json"); tok.no_truncation(); tok.no_padding(); tok.encode_special_tokens = True
flat, cap, own, lens, m_rows, m_class = [], [], [], [], [], {}
bad = 0; CH = 8192
ann = []
for c in range(0, len(texts), CH):
    encs = tok.encode_batch([" " + t for t in texts[c:c + CH]], add_special_tokens=False)
    for j, e in enumerate(encs):
        i = c + j; text = texts[i]; ids = np.asarray(e.ids, np.uint16)
        if len(e.ids) and max(e.ids) > 65535: raise SystemExit("id")
        off = np.asarray(e.offsets, np.int32).reshape(-1, 2) - 1
        flat.append(ids); lens.append(len(ids))
        cp = np.fromiter((text[max(a, 0)].isupper() for a in off[:, 0]), bool, len(ids)) if len(ids) else np.zeros(0, bool)
        kept, skipped = ments[i]
        ow = np.zeros(len(ids), bool)
        starts = {int(a): k for k, a in reversed(list(enumerate(off[:, 0])))}; ends = {int(b): k + 1 for k, b in enumerate(off[:, 1])}
        for a, b, t, cl, up in kept:
            # articles are no part of a mention at inference
            s = text[a:b]
            for art in ("the ", "a ", "an "):
                if s.startswith(art): a += len(art); break
            while a < b and text[a].isspace(): a += 1
            while b > a and text[b - 1].isspace(): b -= 1
            if a not in starts or b not in ends or ends[b] <= starts[a] or ends[b] - starts[a] > 40: bad += 1; continue
            k = m_class.setdefault(cl, len(m_class))
            m_rows.append((i, starts[a], ends[b] - starts[a], t, k, up))
            if cl.split(":")[1] == "s": ow[starts[a]:ends[b]] = True
        for a, b in skipped:  # links that are not learnt: whether a mention begins there is not known
            cp[(off[:, 0] >= a) & (off[:, 1] <= b)] = True
        cap.append(cp); own.append(ow)
print("tokens", sum(lens), "mentions", len(m_rows), "bad", bad, round(time.time() - T0), flush=True)
flat = np.concatenate(flat); cap = np.concatenate(cap); own = np.concatenate(own)
ops = tok.encode_batch([o[:400] if o else "" for o in openings], add_special_tokens=False)
op_ids = [e.ids[:16] for e in ops]
nm = tok.encode_batch(title_list, add_special_tokens=False); nm = [e.ids for e in nm]
m = np.asarray(m_rows, np.int64)
gnames = sorted(set(groups)); gid = {g: k for k, g in enumerate(gnames)}
np.savez(OUT / "data.npz", tok=flat, cap=np.packbits(cap), own=np.packbits(own), doc_len=np.asarray(lens, np.uint16), op_len=np.asarray([len(o) for o in op_ids], np.uint8),
  op=np.asarray([t for o in op_ids for t in o], np.uint16), complete=np.asarray(complete, np.uint8), group=np.asarray([gid[g] for g in groups], np.uint8),
  m_doc=np.diff(m[:, 0], prepend=0).astype(np.uint16), m_start=m[:, 1].astype(np.uint16), m_len=m[:, 2].astype(np.uint8), m_title=m[:, 3].astype(np.uint32), m_class=m[:, 4].astype(np.uint8 if len(m_class) < 256 else np.uint16), m_up=m[:, 5].astype(np.uint8),
  r_doc=np.asarray(r_doc, np.uint32), r_title=np.asarray(r_title, np.uint32), r_src=np.asarray(r_src, np.uint8), n_trie=np.asarray(N_TRIE),
  t_len=np.asarray([len(x) for x in nm], np.uint8), t_tok=np.asarray([t for x in nm for t in x], np.uint16))
json.dump({"classes": list(m_class), "groups": gnames, "srcs": srcs}, open(OUT / "meta.json", "w"))
print(Counter(cl.split(":")[0] for cl in m_class), "classes", len(m_class), "titles", len(title_list))
cc = Counter(m[:, 4].tolist()); print({cl: cc[k] for cl, k in m_class.items()})
print("done", round(time.time() - T0))
