import sys, json, lzma, io, os
sys.path.insert(0, "/work/trainer/lab"); sys.path.insert(0, "/work/trainer")
from common import *
from safetensors.torch import load_file
from pathlib import Path
G = Path("/work/gpu"); OUT = G / "out"
what = sys.argv[1:]
if "weights" in what:
    sd = load_file(G / "warm/model.safetensors"); out = {}
    for k, v in sd.items():
        k2 = k.removeprefix("model.")
        if k2 in ("shared.weight",) : v = v
        if "embed_tokens" in k2 or k2.startswith(("lm_head", "final_logits", "decoder.layers")): continue
        k2 = "shared" if k2 == "shared.weight" else k2
        if v.dim() == 2 and "embed_positions" not in k2:
            s = v.abs().amax(1, keepdim=True) / 127; out[k2] = {"q": (v / s).round().to(torch.int8), "s": s.half()}
        else: out[k2] = v.half()
    if "shared" not in out:
        v = sd.get("lm_head.weight", sd.get("model.encoder.embed_tokens.weight")); out["shared"] = v.half()
    print({k: (v.shape if not isinstance(v, dict) else v["q"].shape) for k, v in list(out.items())[:6]}, len(out))
    torch.save(out, G / "send1/warm.pt")
if "dev" in what:
    nlp, linker = make()
    tk = linker.tokenizer
    names = [json.loads(l)["name"] for l in open("/work/base/emb/names.jsonl")]; at = {n: i for i, n in enumerate(names)}
    sets = {k: W / "dev" / f"{k}.jsonl" for k in ("wiki", "html", "passage", "table", "day", "gum", "salience")}
    sets["conel"] = Path("/work/shared/data/benchmarks/conel22_val.jsonl.gz"); sets["bare"] = W / "dev/bare51.jsonl"
    lim = {"salience": 2500}
    dev = {}
    def add(key, rows, golds, copies):
        L = torch.tensor([len(r) for r in rows], dtype=torch.int16); x = torch.zeros(len(rows), int(L.max()), dtype=torch.int16)
        for i, r in enumerate(rows): x[i, :len(r)] = torch.tensor(r, dtype=torch.int16)
        dev[key] = {"inputs": x, "lens": L.long(), "gold": torch.tensor(golds), "copy": torch.tensor(copies, dtype=torch.bool)}
        print(key, x.shape, flush=True)
    for key, p in sets.items():
        inputs, golds, meta = encode_dev(nlp, linker, p, lim.get(key, 1000))
        k = [i for i, g in enumerate(golds) if g and g in at and inputs[i]]
        add(key, [list(inputs[i]) for i in k], [at[golds[i]] for i in k], [meta[i].lower() == golds[i].lower() for i in k])
    rows = json.load(open(OUT / "retrieval_dev.json")); import random; random.Random(0).shuffle(rows)
    RETM = tk.convert_tokens_to_ids("[unused2]")
    for key, f in (("r_open", lambda r: r["src"] == "opening"), ("r_q", lambda r: r["src"] != "opening")):
        some = [r for r in rows if f(r)][:700]; xs = []
        for r in some:
            ids = tk(r["text"], add_special_tokens=False)["input_ids"][:93]; xs.append([101, RETM, *ids, 102])
        add(key, xs, [at[r["title"]] for r in some], [r["title"].lower() in r["text"].lower() for r in some])
    torch.save(dev, G / "send1/dev.pt")
    ids = {k: tk.convert_tokens_to_ids(v) for k, v in {"bar": "|", "ret": "[unused2]", "ann": "[unused3]", "om": "[unused4]", "cm": "[unused5]", "on": "[unused6]", "cn": "[unused7]", "start": "[START_ENT]", "end": "[END_ENT]"}.items()}
    print(ids); json.dump(ids, open(G / "send1/ids.json", "w"))
    voc = tk.get_vocab(); isw = np.ones(30528, bool)
    for t, i in voc.items():
        if t.startswith("##"): isw[i] = False
    np.save(G / "send1/is_word.npy", isw)
if "data" in what:
    z = np.load(OUT / "data.npz"); keys = sorted(z.files)
    first = {"t_len", "t_tok", "n_trie"}
    for k in keys:
        d = G / ("send1" if k in first else "send2"); b = io.BytesIO(); np.save(b, z[k]); b = b.getvalue()
        f = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 2**27, "lc": 0 if z[k].dtype == np.uint16 else 3, "lp": 1 if z[k].dtype == np.uint16 else 0, "pb": 1}]
        c = lzma.compress(b, format=lzma.FORMAT_XZ, filters=f); (d / f"{k}.npy.xz").write_bytes(c); print(k, z[k].shape, z[k].dtype, len(b), len(c), flush=True)
    json.dump(keys, open(G / "send1/arrays.json", "w"))
    import shutil; shutil.copy(OUT / "meta.json", G / "send1/meta.json")
