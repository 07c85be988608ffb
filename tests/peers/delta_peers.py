#!/usr/bin/env python3
"""Patch sizes of the established delta tools, one JSON object a line as they come.

    delta_peers.py [--keep] CACHE OLD NEW [OLD NEW ...]

Needs the packages of requirements.txt, and the programs xdelta3 and zstd. Every tool runs at its strongest setting.
`bsdiff+lzma` is the bsdiff stream with each of its three parts coded by the best of eight LZMA parameter sets,
without headers: stronger than any bsdiff that ships. "best" is the smallest of them all; `full` and `full.lzma` send
the whole image. Results are appended to CACHE under the images' digests; `--keep` takes from there what it has.
"""
import hashlib, io, json, lzma, multiprocessing, os, shutil, subprocess, sys, tempfile

MISSING = [p for p in ("xdelta3", "zstd") if not shutil.which(p)]
if MISSING:
    sys.exit(f"missing: {' '.join(MISSING)}; install with: sudo apt-get install {' '.join(MISSING)}")
try:
    import bsdiff4, bsdiff4.core, detools, hdiffpatch
except ImportError as error:
    sys.exit(f"missing: {error.name}; install with: python3 -m pip install -r tests/peers/requirements.txt")


def lzma_best(data):
    sizes = []
    for lc, lp, pb in ((3, 0, 2), (3, 0, 0), (0, 2, 2), (3, 1, 1), (2, 2, 2), (4, 0, 0), (3, 0, 1), (0, 0, 0)):
        f = [{"id": lzma.FILTER_LZMA1, "preset": 9 | lzma.PRESET_EXTREME, "lc": lc, "lp": lp, "pb": pb, "dict_size": 1 << 24}]
        sizes.append(len(lzma.compress(data, format=lzma.FORMAT_RAW, filters=f)))
    return min(sizes)


def varints(ctrl):
    out = bytearray()
    for i in range(0, len(ctrl), 8):
        v = int.from_bytes(ctrl[i:i + 8], "little")
        v = -(v & (1 << 63) - 1) if v >> 63 else v
        v = v * 2 if v >= 0 else -v * 2 - 1
        while v >= 128:
            out.append(v & 127 | 128)
            v >>= 7
        out.append(v)
    return bytes(out)


def tool(*argv):
    with tempfile.TemporaryDirectory() as d:
        out = os.path.join(d, "out")
        subprocess.run([a.replace("OUT", out) for a in argv], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return os.path.getsize(out)


def sizes(old_path, new_path):
    old, new = read(old_path), read(new_path)
    r = {"full": len(new), "full.lzma": lzma_best(new), "bsdiff": len(bsdiff4.diff(old, new))}
    ctrl, diff, extra = bsdiff4.core.diff(old, new)
    r["bsdiff+lzma"] = sum(map(lzma_best, (varints(ctrl), diff, extra)))
    r["xdelta3-lzma"] = tool("xdelta3", "-e", "-9", "-S", "lzma", "-B", "67108864", "-f", "-s", old_path, new_path, "OUT")
    r["zstd-patch-from"] = tool("zstd", "--ultra", "-22", "--long=27", "-f", "--patch-from=" + old_path, new_path, "-o", "OUT")
    for c in ("lzma", "heatshrink"):
        o = io.BytesIO()
        detools.create_patch(io.BytesIO(old), io.BytesIO(new), o, compression=c)
        r["detools-" + c] = len(o.getvalue())
    r["hdiffpatch-lzma2"] = len(hdiffpatch.diff(old, new, compression="lzma2"))
    for c in ("tuz", "tamp"):
        r["hdiffpatch-lite-" + c] = len(hdiffpatch.diff_lite(old, new, compression=c))
    peers = {k: v for k, v in r.items() if not k.startswith("full")}
    r["best"], r["best_tool"] = min((v, k) for k, v in peers.items())
    return r


def read(path):
    with open(path, "rb") as f:
        return f.read()


def measure(job):
    number, old, new, key = job
    return {"number": number, "key": key, **sizes(old, new)}


def main(keep, cache, paths):
    known = {}
    if keep and os.path.exists(cache):
        for line in read(cache).decode().splitlines():
            row = json.loads(line)
            known[row["key"]] = row
    jobs = []
    for number, (old, new) in enumerate(zip(paths[::2], paths[1::2])):
        key = hashlib.sha256(read(old)).hexdigest() + hashlib.sha256(read(new)).hexdigest()
        if key in known:
            print(json.dumps({**known[key], "number": number}), flush=True)
        else:
            jobs.append((number, old, new, key))
    jobs.sort(key=lambda job: -os.path.getsize(job[2]))
    with multiprocessing.Pool(os.cpu_count()) as pool, open(cache, "a") as out:
        for row in pool.imap_unordered(measure, jobs):
            line = json.dumps(row)
            print(line, flush=True)
            out.write(line + "\n")
            out.flush()


if __name__ == "__main__":
    arguments = sys.argv[1:]
    keep = arguments[:1] == ["--keep"]
    arguments = arguments[keep:]
    if len(arguments) < 3 or len(arguments) % 2 == 0:
        sys.exit(__doc__)
    main(keep, arguments[0], arguments[1:])
