"""Trains the model on arrays of tokens that lie on the device. python gtrain.py DATA_DIR WARM OUT --seconds 520 ..."""
import argparse, json, math, os, sys, time, random
import numpy as np, torch, torch.nn.functional as F
T_START = time.time()
ap = argparse.ArgumentParser()
ap.add_argument("data"); ap.add_argument("warm"); ap.add_argument("out")
ap.add_argument("--seconds", type=float, default=500)      # of training
ap.add_argument("--negatives-from", type=float, default=0.55)
ap.add_argument("--rate", type=float, default=4e-4); ap.add_argument("--decoder", type=float, default=2.5)
ap.add_argument("--batch", type=int, default=2048); ap.add_argument("--neg-batch", type=int, default=1024)
ap.add_argument("--ret", type=int, default=320); ap.add_argument("--ann", type=int, default=160)
ap.add_argument("--drop", type=float, default=0.1); ap.add_argument("--mask", type=float, default=0.1)
ap.add_argument("--smooth", type=float, default=0.1); ap.add_argument("--negweight", type=float, default=2.0)
ap.add_argument("--evalsize", type=int, default=600); ap.add_argument("--maxtok", type=int, default=0)
ap.add_argument("--max-steps", type=int, default=0); ap.add_argument("--device", default="cuda")
ap.add_argument("--freeze-emb", type=int, default=1); ap.add_argument("--limit-docs", type=int, default=0)
ap.add_argument("--ckpts", type=int, default=0); ap.add_argument("--endsize", type=int, default=10000)
a = ap.parse_args()
os.makedirs(a.out, exist_ok=True)
dev = torch.device(a.device); CUDA = dev.type == "cuda"
torch.manual_seed(0); rng = np.random.default_rng(0)
if CUDA: torch.backends.cuda.enable_cudnn_sdp(False)
BF = torch.bfloat16 if CUDA else torch.float32
LOG = open(f"{a.out}/log.jsonl", "a")
def log(**row):
    row = {"t": round(time.time() - T_START, 1), **row}; line = json.dumps(row); print(line, flush=True); LOG.write(line + "\n"); LOG.flush()
CLS, SEP, MASK, PAD = 101, 102, 103, 0
START_ENT, END_ENT, BAR = 30522, 30523, 1064
META = json.load(open(f"{a.data}/meta.json")); IDS = json.load(open(f"{a.data}/ids.json"))
BAR, RET, ANN, OM, CM, ON, CN = (IDS[k] for k in ("bar", "ret", "ann", "om", "cm", "on", "cn"))
START_ENT, END_ENT = IDS["start"], IDS["end"]
H, D, V = 12, 384, 30528
# ---------------------------------------------------------------- weights
if a.warm.endswith(".safetensors"):
    from safetensors.torch import load_file
    W0 = {k.removeprefix("model."): v for k, v in load_file(a.warm).items()}
    W0.setdefault("shared", W0.pop("shared.weight", None))
    W0 = {k: v for k, v in W0.items() if "embed_tokens" not in k and not k.startswith(("lm_head", "final_logits"))}
else: W0 = torch.load(a.warm, map_location="cpu")
def load_q(x):
    return x["q"].float() * x["s"] if isinstance(x, dict) else x.float()
W0 = {k: load_q(v) for k, v in W0.items()}
for i in range(3):  # decoder layers are copies of encoder layers (warm start)
    e, d = f"encoder.layers.{2 * i + 1}.", f"decoder.layers.{i}."
    if d + "fc1.weight" in W0: continue
    for k, v in list(W0.items()):
        if k.startswith(e):
            W0[d + k[len(e):]] = v.clone()
            if "self_attn" in k: W0[d + k[len(e):].replace("self_attn", "encoder_attn")] = v.clone()
P = {k: torch.nn.Parameter(v.to(dev), requires_grad=True) for k, v in W0.items()}
EMB = P.pop("shared").detach() if a.freeze_emb else P["shared"]
SPECIAL = torch.tensor([START_ENT, END_ENT, RET, ANN, OM, CM, ON, CN, BAR], device=dev)
P["special"] = torch.nn.Parameter(EMB[SPECIAL].detach().clone())
NE = 1 + max(int(k.split(".")[2]) for k in P if k.startswith("encoder.layers")); ND = 1 + max(int(k.split(".")[2]) for k in P if k.startswith("decoder.layers"))
def ln(x, w, name): return F.layer_norm(x, (D,), w[name + ".weight"], w[name + ".bias"], 1e-5)
def lin(x, w, name): return F.linear(x, w[name + ".weight"], w[name + ".bias"])
def drop(x, train): return F.dropout(x, a.drop, train) if a.drop else x
def heads(x): return x.view(*x.shape[:-1], H, D // H).transpose(-3, -2)
def attend(q, k, v, mask=None, causal=False, train=False):
    o = F.scaled_dot_product_attention(heads(q), heads(k), heads(v), attn_mask=mask, is_causal=causal, dropout_p=0.0)
    return o.transpose(-3, -2).reshape(q.shape)
def cast():
    w = {k: p.to(BF) for k, p in P.items()}
    w["E"] = torch.index_copy((EMB if a.freeze_emb else P["shared"]).to(BF), 0, SPECIAL, w["special"])
    return w
def encode(w, ids, mask, train):
    S = ids.shape[1]
    x = F.embedding(ids, w["E"]) + w["encoder.embed_positions.weight"][2:2 + S]
    x = drop(ln(x, w, "encoder.layernorm_embedding"), train)
    m = mask[:, None, None, :]
    for i in range(NE):
        n = f"encoder.layers.{i}"
        h = attend(lin(x, w, n + ".self_attn.q_proj"), lin(x, w, n + ".self_attn.k_proj"), lin(x, w, n + ".self_attn.v_proj"), m)
        x = ln(x + drop(lin(h, w, n + ".self_attn.out_proj"), train), w, n + ".self_attn_layer_norm")
        h = lin(F.gelu(lin(x, w, n + ".fc1")), w, n + ".fc2")
        x = ln(x + drop(h, train), w, n + ".final_layer_norm")
    return x
def cross_kv(w, enc):
    return [(lin(enc, w, f"decoder.layers.{i}.encoder_attn.k_proj"), lin(enc, w, f"decoder.layers.{i}.encoder_attn.v_proj")) for i in range(ND)]
def decode(w, kv, mask, dec, train):
    """dec [B, R, T] -> hidden [B, R, T, D]; causal within each row."""
    B, Rr, T = dec.shape
    x = F.embedding(dec.reshape(B * Rr, T), w["E"]) + w["decoder.embed_positions.weight"][2:2 + T]
    x = drop(ln(x, w, "decoder.layernorm_embedding"), train)
    m = mask[:, None, None, :]
    for i in range(ND):
        n = f"decoder.layers.{i}"
        h = attend(lin(x, w, n + ".self_attn.q_proj"), lin(x, w, n + ".self_attn.k_proj"), lin(x, w, n + ".self_attn.v_proj"), causal=True)
        x = ln(x + drop(lin(h, w, n + ".self_attn.out_proj"), train), w, n + ".self_attn_layer_norm")
        q = lin(x, w, n + ".encoder_attn.q_proj").view(B, Rr * T, D)
        h = attend(q, *kv[i], m).reshape(B * Rr, T, D)
        x = ln(x + drop(lin(h, w, n + ".encoder_attn.out_proj"), train), w, n + ".encoder_attn_layer_norm")
        h = lin(F.gelu(lin(x, w, n + ".fc1")), w, n + ".fc2")
        x = ln(x + drop(h, train), w, n + ".final_layer_norm")
    return x.view(B, Rr, T, D)
# ---------------------------------------------------------------- data
import io, lzma
from concurrent.futures import ThreadPoolExecutor
def read(k): return k, np.load(io.BytesIO(lzma.decompress(open(f"{a.data}/{k}.npy.xz", "rb").read())))
Z = dict(ThreadPoolExecutor(16).map(read, json.load(open(f"{a.data}/arrays.json"))))
g = lambda k, dt=np.int64: torch.from_numpy(np.asarray(Z[k]).astype(dt)).to(dev)
tok = g("tok", np.int32); doc_len = g("doc_len"); doc_off = torch.cat([doc_len.new_zeros(1), doc_len.cumsum(0)])
n_tok = len(tok)
unpack = lambda k: torch.from_numpy(np.unpackbits(np.asarray(Z[k]))[:n_tok].astype(bool)).to(dev)
cap, own = unpack("cap"), unpack("own")
op = g("op", np.int32); op_len = g("op_len"); op_off = torch.cat([op_len.new_zeros(1), op_len.cumsum(0)])
m_doc = g("m_doc").cumsum(0); m_start = g("m_start"); m_len = g("m_len"); m_title = g("m_title"); m_class = g("m_class"); m_up = g("m_up").bool()
r_doc, r_title, r_src = g("r_doc"), g("r_title"), g("r_src")
t_len = g("t_len"); t_tok = g("t_tok", np.int32); t_off = torch.cat([t_len.new_zeros(1), t_len.cumsum(0)])
complete = g("complete").bool(); N_TRIE = int(Z["n_trie"]); NT = len(t_len)
IS_WORD = torch.tensor(np.load(f"{a.data}/is_word.npy")).to(dev)  # of each token: begins a word
word = IS_WORD[tok.long()].long().cumsum(0)  # words up to and with each token, over all docs
log(msg="data", tokens=n_tok, mentions=len(m_doc), retrieval=len(r_doc), titles=NT)
# weights of classes
CL = META["classes"]; WEIGHTS = json.load(open(f"{a.data}/weights.json"))
def class_weight(c):
    gname, kind, f = c.split(":")
    for key in (c, f"{gname}:{kind}", f"{gname}:*:{f}", f"*:{kind}:{f}", gname, f"*:*:{f}"):
        if key in WEIGHTS["class"]: return WEIGHTS["class"][key]
    return 0.3
cw = torch.tensor([class_weight(c) for c in CL], dtype=torch.float64, device=dev)
raw = cw[m_class]
per_title = torch.zeros(NT, dtype=torch.float64, device=dev).index_add(0, m_title, raw)
cap_w = (WEIGHTS["cap_title"] / per_title).clamp(max=1.0) ** WEIGHTS["cap_power"]
pair_w = raw * cap_w[m_title]
ok_len = (t_len[m_title] <= 28) & (t_len[m_title] > 0) & (m_len > 0)
pair_w = torch.where(ok_len, pair_w, torch.zeros_like(pair_w))
pair_cum = pair_w.cumsum(0)
top = {c: round(float(x), 4) for c, x in sorted(zip(CL, torch.zeros(len(CL), dtype=torch.float64, device=dev).index_add(0, m_class, pair_w).div(pair_cum[-1]).tolist()), key=lambda x: -x[1])[:40]}
log(msg="mix", weighted_pairs=float(pair_cum[-1]), differs=round(float(pair_w[torch.tensor(["copy" not in c for c in CL], device=dev)[m_class]].sum() / pair_cum[-1]), 3), top=top)
rw = torch.tensor([WEIGHTS["ret"].get(s, 1.0) for s in META["srcs"]], dtype=torch.float64, device=dev)[r_src] * ((t_len[r_title] <= 28) & (doc_len[r_doc] > 3))
ret_cum = rw.cumsum(0)
def draw(cum, n): return torch.searchsorted(cum, torch.rand(n, device=dev, dtype=torch.float64) * cum[-1]).clamp(max=len(cum) - 1)
CTX, OPN = 32, 16
def layout(ix):
    """Lengths of the parts of the inputs of mentions."""
    d = m_doc[ix]; left, right = m_start[ix], doc_len[d] - m_start[ix] - m_len[ix]
    nl, nr = left.clamp(max=CTX), right.clamp(max=CTX)
    has = op_len[d] > 0
    o0 = doc_off[d]
    # own opening: words before the window (32 words to the left), at most 16 tokens
    first = o0 + m_start[ix]
    wbase = torch.where(o0 > 0, word[(o0 - 1).clamp(min=0)], torch.zeros_like(o0))
    wl = torch.where(m_start[ix] > 0, word[(first - 1).clamp(min=0)] - wbase, torch.zeros_like(o0))
    n_words = (wl - CTX).clamp(min=0, max=OPN)
    # tokens in the first n_words words
    target = wbase + n_words
    no = (torch.searchsorted(word, target, right=True) - o0).clamp(min=0, max=OPN)
    no = torch.where(n_words > 0, no, torch.zeros_like(no))
    no = torch.where(has, op_len[d].clamp(max=OPN), no)
    return d, has, no, nl, nr
def lengths(ix):
    d, has, no, nl, nr = layout(ix)
    return 4 + no + (no > 0) + nl + nr + m_len[ix]
def link_inputs(ix, S, mask_share):
    d, has, no, nl, nr = layout(ix); n = len(ix)
    pos = torch.arange(S, device=dev)[None]
    out = torch.zeros(n, S, dtype=torch.long, device=dev); ctx = torch.zeros(n, S, dtype=torch.bool, device=dev)
    at = torch.ones(n, 1, dtype=torch.long, device=dev)
    out[:, 0] = CLS
    def put(length, source, off, is_ctx):
        nonlocal at
        rel = pos - at; inside = (rel >= 0) & (rel < length[:, None])
        val = source[(off[:, None] + rel).clamp(min=0, max=len(source) - 1)].long()
        out.copy_(torch.where(inside, val, out)); 
        if is_ctx: ctx.logical_or_(inside)
        at = at + length[:, None]
    def one(token, when=None):
        nonlocal at
        w = torch.ones_like(at, dtype=torch.bool) if when is None else when[:, None]
        out.copy_(torch.where((pos == at) & w, torch.full_like(out, token), out)); at = at + w.long()
    o0 = doc_off[d]
    # opening
    rel = pos - at; inside = (rel >= 0) & (rel < no[:, None])
    v1 = op[(op_off[d][:, None] + rel).clamp(min=0, max=max(len(op) - 1, 0))].long() if len(op) else torch.zeros_like(out)
    v2 = tok[(o0[:, None] + rel).clamp(min=0, max=n_tok - 1)].long()
    out.copy_(torch.where(inside, torch.where(has[:, None], v1, v2), out)); ctx.logical_or_(inside); at = at + no[:, None]
    one(BAR, no > 0)
    put(nl, tok, o0 + m_start[ix] - nl, True); one(START_ENT)
    put(m_len[ix], tok, o0 + m_start[ix], False); one(END_ENT)
    put(nr, tok, o0 + m_start[ix] + m_len[ix], True); one(SEP)
    if mask_share:
        hide = ctx & (torch.rand(n, S, device=dev) < mask_share); out = torch.where(hide, torch.full_like(out, MASK), out)
    return out, pos < at
def names(t, T):
    """[.., T]: CLS name SEP, padded by -100."""
    shape = t.shape; t = t.reshape(-1); pos = torch.arange(T, device=dev)[None]; L = t_len[t][:, None]
    val = t_tok[(t_off[t][:, None] + pos - 1).clamp(min=0, max=len(t_tok) - 1)].long()
    lab = torch.where(pos == 0, CLS, torch.where(pos <= L, val, torch.where(pos == L + 1, SEP, -100)))
    return lab.view(*shape, T)
def shift(lab):
    x = torch.where(lab < 0, PAD, lab); return torch.cat([torch.full_like(x[..., :1], SEP), x[..., :-1]], -1)
RLEN = 96
def ret_inputs(ix, mask_share):
    d = r_doc[ix]; n = len(ix); S = RLEN
    rel = torch.arange(S + 40, device=dev)[None]; inside = rel < doc_len[d][:, None]
    at = (doc_off[d][:, None] + rel).clamp(max=n_tok - 1)
    val = tok[at].long(); ow = own[at] & inside
    hide = (torch.rand(n, 1, device=dev) < 0.6) & ow
    prev = torch.cat([torch.zeros_like(hide[:, :1]), hide[:, :-1]], 1)
    val = torch.where(hide, MASK, val); gone = (hide & prev) | ~inside
    order = gone.long().argsort(dim=1, stable=True)
    val = val.gather(1, order); n_left = (~gone).sum(1).clamp(max=S - 3)
    out = torch.zeros(n, S, dtype=torch.long, device=dev); pos = torch.arange(S, device=dev)[None]
    out[:, 2:] = val[:, :S - 2]; out[:, 0] = CLS; out[:, 1] = RET
    end = 2 + n_left[:, None]
    if mask_share: out = torch.where((torch.rand(n, S, device=dev) < mask_share) & (pos > 1), MASK, out)
    out = torch.where(pos == end, SEP, torch.where(pos > end, PAD, out))
    return out, pos <= end
# ---------------------------------------------------------------- annotation windows
def annotation_windows():
    """Source tokens and marked target with its loss mask, as lists."""
    AW = WEIGHTS["ann"]; GR = META["groups"]; group = np.asarray(Z["group"])
    share = np.array([AW.get(x, 0.0) for x in GR])[group]
    times = (np.floor(share) + (rng.random(len(group)) < share % 1)) * (np.asarray(Z["doc_len"]) > 3)
    docs = np.repeat(np.arange(len(group)), times.astype(np.int64))
    T = np.asarray(Z["tok"]); C = np.unpackbits(np.asarray(Z["cap"]))[:n_tok].astype(bool); IW = np.load(f"{a.data}/is_word.npy")
    off = np.concatenate([[0], np.cumsum(np.asarray(Z["doc_len"], np.int64))])
    md = np.cumsum(np.asarray(Z["m_doc"], np.int64)); first = np.searchsorted(md, docs); last = np.searchsorted(md, docs, side="right")
    ms, ml, mt, mu = (np.asarray(Z[k]).astype(np.int64) for k in ("m_start", "m_len", "m_title", "m_up"))
    tl = np.asarray(Z["t_len"]).astype(np.int64); to = np.concatenate([[0], np.cumsum(tl)]); tt = np.asarray(Z["t_tok"])
    comp = np.asarray(Z["complete"]).astype(bool); ENDS = {1012, 1029, 999}
    out = []
    for d, f, l in zip(docs, first, last):
        ids = T[off[d]:off[d + 1]]; cp = C[off[d]:off[d + 1]]
        spans = []; end = -1
        for k in sorted(range(f, l), key=lambda k: (ms[k], -ml[k])):
            if ms[k] >= end and tl[mt[k]] <= 24: spans.append((ms[k], ms[k] + ml[k], mt[k], mu[k])); end = ms[k] + ml[k]
        start = 0; n = len(ids); made = 0
        while start < n and made < 6:
            stop = min(n, start + 126)
            if stop < n:
                cut = [p + 1 for p in range(stop - 1, start + 60, -1) if ids[p] in ENDS]
                if cut: stop = cut[0]
                for x, y, *_ in spans:
                    if x < stop < y: stop = x
                if stop <= start: break
            src = ids[start:stop].tolist(); tgt, w = [], []; p = start
            inside = [s for s in spans if start <= s[0] and s[1] <= stop]
            unknown = cp[start:stop].copy() if not comp[d] else np.zeros(stop - start, bool)
            for x, y, _, up in inside:
                if not up: unknown[x - start:y - start] = True
            n_marked = 0
            for x, y, t, up in [s for s in inside if s[3]] + [(stop, stop, -1, 0)]:
                while p < x: tgt.append(int(ids[p])); w.append(0 if unknown[p - start] else 1); p += 1
                if t < 0: break
                n_marked += 1
                tgt.append(OM); w.append(1)
                for q in range(x, y): tgt.append(int(ids[q])); w.append(1)
                tgt += [CM, ON, *tt[to[t]:to[t] + tl[t]].tolist(), CN]; w += [1] * (tl[t] + 3); p = y
            tgt.append(SEP); w.append(1)
            if len(tgt) <= 250 and (n_marked or comp[d] or rng.random() < .1): out.append((src, tgt, w)); made += 1
            start = stop
    return out
AW_ = annotation_windows() if a.ann else []
if AW_:
    def pad(rows, dt=np.int32):
        L = np.array([len(r) for r in rows]); return torch.from_numpy(np.concatenate([np.asarray(r, dt) for r in rows])).to(dev), torch.from_numpy(np.concatenate([[0], np.cumsum(L)])).to(dev)
    an_src, an_soff = pad([x[0] for x in AW_]); an_tgt, an_toff = pad([x[1] for x in AW_]); an_w, _ = pad([x[2] for x in AW_])
    an_order = torch.argsort(an_toff.diff())
    log(msg="annotation", windows=len(AW_), target_tokens=int(an_toff[-1]), learnt=round(float(an_w.float().mean()), 3), example=[IDS.get("x", 0)])
def ann_batch(n):
    """Windows of similar lengths."""
    N = len(AW_); c = int(torch.randint(0, max(1, N - 8 * n), (1,))); pool = an_order[c:c + 8 * n]; ix = pool[torch.randperm(len(pool), device=dev)[:n]]
    sl, tl_ = an_soff.diff()[ix], an_toff.diff()[ix]; S = int(-(-(int(sl.max()) + 3) // 8) * 8); T = int(-(-int(tl_.max()) // 8) * 8)
    pos = torch.arange(S, device=dev)[None]; v = an_src[(an_soff[ix][:, None] + pos - 2).clamp(min=0, max=len(an_src) - 1)].long()
    e = sl[:, None] + 2; inp = torch.where(pos == 0, CLS, torch.where(pos == 1, ANN, torch.where(pos < e, v, torch.where(pos == e, SEP, PAD))))
    pt = torch.arange(T, device=dev)[None]; at = (an_toff[ix][:, None] + pt).clamp(max=len(an_tgt) - 1); good = pt < tl_[:, None]
    lab = torch.where(good, an_tgt[at].long(), -100); learn = good & (an_w[at] > 0)
    return inp, pos <= e, lab, learn
# ---------------------------------------------------------------- trie and search
def build_trie():
    L = 32; n = N_TRIE; tl = np.asarray(Z["t_len"][:n]).astype(np.int64); to = np.cumsum(np.concatenate([[0], tl])); tt = np.asarray(Z["t_tok"])
    keep = np.flatnonzero((tl > 0) & (tl <= L - 2)); M = np.zeros((len(keep), L), np.int32)
    for j in range(L - 2):
        has = tl[keep] > j; M[has, j] = tt[to[keep[has]] + j] + 1
    M[np.arange(len(keep)), tl[keep]] = SEP + 1
    key = np.ascontiguousarray(M.astype(">u2")).view(f"S{2 * L}")[:, 0]; o = np.argsort(key, kind="stable"); M, keep = M[o], keep[o]
    new = np.ones(M.shape, bool); new[1:] = np.maximum.accumulate(M[1:] != M[:-1], axis=1); new &= M > 0
    parent = np.zeros(len(M), np.int64); toks, starts, counts, leafs = [], [], [], []
    base = 1; toks.append(np.array([0])); all_start, all_count = [0], [0]
    child_start = [np.array([1])]; child_count = []; leaf = [np.array([-1])]; rowpar = np.zeros(len(M), np.int64); nodes = 1
    counts_full = np.zeros(1, np.int64); start_full = np.zeros(1, np.int64); tok_full = np.zeros(1, np.int64); leaf_full = np.full(1, -1)
    for dpt in range(L):
        rows = np.flatnonzero(new[:, dpt])
        if not len(rows): break
        ids = nodes + np.arange(len(rows)); par = rowpar[rows]
        tok_full = np.concatenate([tok_full, M[rows, dpt] - 1]); leaf_full = np.concatenate([leaf_full, np.where(M[rows, dpt] == SEP + 1, keep[rows], -1)])
        c = np.bincount(par, minlength=nodes)[:nodes]; counts_full = np.concatenate([counts_full[:0], c]) if dpt == 0 else counts_full
        if dpt: counts_full[prev:nodes] = c[prev:nodes]
        s = np.full(nodes, 0); u, fi = np.unique(par, return_index=True); start_full[u] = ids[fi]
        counts_full = np.concatenate([counts_full, np.zeros(len(rows), np.int64)]); start_full = np.concatenate([start_full, np.zeros(len(rows), np.int64)])
        idrow = np.zeros(len(M), np.int64); idrow[rows] = ids; rowpar = np.maximum.accumulate(idrow)  # rows that share the prefix follow
        prev = nodes; nodes += len(rows)
    return tuple(torch.from_numpy(x.astype(np.int64)).to(dev) for x in (tok_full, start_full, counts_full, leaf_full))
tr_tok, tr_start, tr_count, tr_leaf = build_trie()
log(msg="trie", nodes=len(tr_tok))
@torch.no_grad()
def search(w, kv, mask, K, T=24):
    """Best names: ids [B, K] (-1), scores [B, K] (mean log-probability, prefix and end counted)."""
    B = mask.shape[0]; NEG = -1e9
    dec = torch.full((B, 1, 2), SEP, device=dev); dec[:, :, 1] = CLS
    h = decode(w, kv, mask, dec, False)[:, :, :, :]
    first = F.log_softmax(F.linear(h[:, 0, 0], w["E"]).float(), -1)[:, CLS]
    score = first[:, None]; node = torch.zeros(B, 1, dtype=torch.long, device=dev)
    hid = h[:, :, 1]
    fin_s = torch.full((B, K), NEG, device=dev); fin_i = torch.full((B, K), -1, dtype=torch.long, device=dev)
    for t in range(T):
        k = score.shape[1]
        lp = F.log_softmax(F.linear(hid.reshape(B * k, D), w["E"]).float(), -1)
        c = tr_count[node.reshape(-1)]; c = torch.where(score.reshape(-1) > NEG / 2, c, torch.zeros_like(c))
        total = int(c.sum())
        if not total: break
        rep = torch.repeat_interleave(torch.arange(B * k, device=dev), c, output_size=total)
        cum = c.cumsum(0) - c; child = tr_start[node.reshape(-1)][rep] + torch.arange(total, device=dev) - cum[rep]
        s = score.reshape(-1)[rep] + lp[rep, tr_tok[child]]
        full = lp.new_full((B * k, V), NEG); full[rep, tr_tok[child]] = s
        best, at = full.view(B, -1).topk(2 * K, 1)
        row = at // V; tk = at % V
        # child ids again: position of the token among the children
        cmap = torch.zeros(B * k, V, dtype=torch.int32, device=dev); cmap[rep, tr_tok[child]] = child.int()
        ch = cmap.view(B, -1).gather(1, at).long(); dead = best < NEG / 2; ch = torch.where(dead, 0, ch)
        done = (tk == SEP) & ~dead
        fs = torch.where(done, best / (t + 2), NEG); fi = torch.where(done, tr_leaf[ch], -1)
        fin_s, o = torch.cat([fin_s, fs], 1).topk(K, 1); fin_i = torch.cat([fin_i, fi], 1).gather(1, o)
        go = torch.where(done | dead, NEG, best); score, o = go.topk(K, 1)
        if bool((score[:, 0] / (t + 2) <= fin_s[:, -1]).all()) or t == T - 1: break
        row, tk, node = row.gather(1, o), tk.gather(1, o), ch.gather(1, o)
        dec = torch.cat([dec.expand(B, k, dec.shape[2]).gather(1, row[:, :, None].expand(B, K, dec.shape[2])), tk[:, :, None]], 2)
        hid = decode(w, kv, mask, dec, False)[:, :, -1]
    return fin_i, fin_s
DEV = torch.load(f"{a.data}/dev.pt") if os.path.exists(f"{a.data}/dev.pt") else {}
@torch.no_grad()
def evaluate(tag, limit, K=5):
    t = time.time(); w = cast(); out = {}
    for key, dv in DEV.items():
        n = min(limit, len(dv["gold"])); inp, L = dv["inputs"], dv["lens"]; right = []; top5 = []
        for i in range(0, n, 512):
            x = inp[i:min(n, i + 512)].to(dev).long(); l = L[i:min(n, i + 512)].to(dev); S = int(l.max()); x = x[:, :S]; m = torch.arange(S, device=dev)[None] < l[:, None]
            fi, fs = search(w, cross_kv(w, encode(w, x, m, False)), m, K)
            gold = dv["gold"][i:min(n, i + 512)].to(dev)[:, None]; hit = fi == gold; right.append(hit[:, 0]); top5.append(hit.any(1))
        r = torch.cat(right).float(); cp = dv["copy"][:n].to(dev)
        out[key] = [round(float(r.mean()), 4), round(float(r[cp].mean()), 3) if cp.any() else None, round(float(r[~cp].mean()), 3) if (~cp).any() else None, round(float(torch.cat(top5).float().mean()), 4), n]
    log(eval=tag, seen=seen, took=round(time.time() - t, 1), **out)
# ---------------------------------------------------------------- loss
def token_loss(w, h, lab, learn=None):
    sel = (lab >= 0) if learn is None else learn
    hs, y = h[sel], lab[sel]
    total = 0.0; n = 0
    logits = F.linear(hs, w["E"]).float()
    return F.cross_entropy(logits, y, reduction="sum", label_smoothing=a.smooth), len(y)
def negative_loss(w, h, lab, valid):
    """h [B,R,T,D], lab [B,R,T]; the first is gold."""
    sel = (lab >= 0) & valid[:, :, None]; hs, y = h[sel], lab[sel]
    lp_all = F.log_softmax(F.linear(hs, w["E"]).float(), -1); lp = lp_all.gather(1, y[:, None])[:, 0]
    B, Rr, T = lab.shape; owner = sel.nonzero(); flat = owner[:, 0] * Rr + owner[:, 1]
    s = torch.zeros(B * Rr, device=dev).index_add(0, flat, lp); L = sel.sum(2).view(-1).clamp(min=1)
    s = (s / L / 0.5).view(B, Rr).masked_fill(~valid, -torch.inf)
    gold = owner[:, 1] == 0
    ce = -((1 - a.smooth) * lp[gold] + a.smooth * lp_all[gold].mean(1)).sum()
    return ce, int(gold.sum()), -F.log_softmax(s, 1)[:, 0].sum()
# ---------------------------------------------------------------- training
groups = {"enc": [], "dec": []}
for k, p in P.items(): groups["dec" if k.startswith("decoder") else "enc"].append(p)
opt = torch.optim.AdamW([{"params": groups["enc"], "f": 1.0}, {"params": groups["dec"], "f": a.decoder}], lr=a.rate, betas=(.9, .98), eps=1e-8, weight_decay=.01, fused=CUDA)
seen = step = 0; stats = {"link": [], "neg": [], "ret": [], "ann": [], "first": []}
def save(name):
    d = {k: p.detach().half().cpu().numpy() for k, p in P.items()}
    keys = sorted(d); sizes = [d[k].nbytes for k in keys]; parts = [[]]; s = 0
    for k, z in zip(keys, sizes):
        if s + z > 15.5 * 2**20: parts.append([]); s = 0
        parts[-1].append(k); s += z
    for i, ks in enumerate(parts): np.savez(f"{a.out}/{name}-{i}.npz", **{k: d[k] for k in ks})
t0 = time.time(); last_log = 0; queue = []; eval_at = [x * 1000 for x in (100, 250, 500, 1000, 2000, 4000, 8000)]; saved_mid = a.ckpts == 0
log(msg="training", setup=round(t0 - T_START, 1))
t0 = time.time()
while True:
    part = (time.time() - t0) / a.seconds if not a.max_steps else step / a.max_steps
    if part >= 1: break
    neg = part >= a.negatives_from; B = a.neg_batch if neg else a.batch
    if not queue:
        ix = draw(pair_cum, 48 * a.batch); L = lengths(ix); o = L.argsort(); ix, L = ix[o], L[o]
        n_b = 48 * a.batch // B
        queue = [(ix[i * B:(i + 1) * B], int(L[(i + 1) * B - 1])) for i in range(n_b)]; random.shuffle(queue)
    ix, S = queue.pop()
    if len(ix) != B and neg: ix = ix[:B]
    S = -(-S // 8) * 8
    warm = min(1.0, (step + 1) / 150)
    for grp in opt.param_groups: grp["lr"] = a.rate * grp["f"] * warm * max(0.02, 1 - part)
    w = cast()
    inp, m = link_inputs(ix, S, a.mask)
    gold = m_title[ix]
    if neg:
        with torch.no_grad():
            enc = encode(w, inp, m, False); fi, fs = search(w, cross_kv(w, enc), m, 4, T=16)
        near = (fi >= 0) & (fi != gold[:, None]) & (fs > fs[:, :1] + 0.5 * math.log(0.01))
        stats["first"].append(float((fi[:, 0] == gold).float().mean()))
        fi = torch.where(near, fi, -1); o = (~near).long().argsort(dim=1, stable=True)[:, :3]; riv = fi.gather(1, o)
        cand = torch.cat([gold[:, None], riv], 1); valid = cand >= 0; cand = cand.clamp(min=0)
    else:
        cand = gold[:, None]; valid = None
    T = int(t_len[cand].max()) + 2; lab = names(cand, T)
    if valid is not None: lab = torch.where(valid[:, :, None], lab, -100)
    enc = encode(w, inp, m, True)
    h = decode(w, cross_kv(w, enc), m, shift(lab), True)
    if neg:
        ce, n, nl = negative_loss(w, h, lab, valid); loss = ce / n + a.negweight * nl / len(ix); stats["neg"].append(float(nl.detach()) / len(ix))
    else:
        ce, n = token_loss(w, h, lab); loss = ce / n
    if a.ret:
        rx = draw(ret_cum, a.ret); ri, rm = ret_inputs(rx, a.mask * .5); rt = r_title[rx][:, None]
        rl = names(rt, int(t_len[rt].max()) + 2); rh = decode(w, cross_kv(w, encode(w, ri, rm, True)), rm, shift(rl), True)
        rce, rn = token_loss(w, rh, rl); loss = loss + WEIGHTS["task"]["ret"] * rce / rn; stats["ret"].append(rce.detach() / rn)
    if AW_:
        ai, am, al, aw = ann_batch(a.ann); ah = decode(w, cross_kv(w, encode(w, ai, am, True)), am, shift(al[:, None]), True)
        ace, an = token_loss(w, ah, al[:, None], aw[:, None]); loss = loss + WEIGHTS["task"]["ann"] * ace / an; stats["ann"].append(ace.detach() / an)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_([p for p in P.values()], 1.0)
    if not bool(torch.isfinite(norm)): opt.zero_grad(set_to_none=True); log(msg="not finite", step=step); step += 1; continue
    opt.step(); opt.zero_grad(set_to_none=True)
    step += 1; seen += len(ix); stats["link"].append(ce.detach() / n)
    if time.time() - last_log > 10:
        last_log = time.time(); av = {k: round(float(torch.stack([torch.as_tensor(x).float().cpu() for x in v]).mean()), 4) for k, v in stats.items() if v}
        log(step=step, seen=seen, part=round(part, 3), rate=round(seen / (time.time() - t0)), norm=round(float(norm), 3), mem=round(torch.cuda.max_memory_allocated() / 2**30, 1) if CUDA else 0, **av)
        stats = {k: [] for k in stats}
    if DEV and eval_at and seen >= eval_at[0]: eval_at.pop(0); evaluate(f"{seen}", a.evalsize)
    if not saved_mid and part > 0.5: saved_mid = True; save("final")
log(msg="trained", seen=seen, step=step, seconds=round(time.time() - t0, 1))
save("final")
if DEV and a.endsize: evaluate("end", a.endsize)
log(msg="saved")
