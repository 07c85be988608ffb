#!/usr/bin/env python3
"""Writes the held-out firmware pairs that `pairs.toml` names into DIR, as NAME-old.bin and NAME-new.bin with
everything but letters, digits, dots and dashes of the pair's name replaced by `_`. What is there already stays.

    fetch_pairs.py DIR

Needs Python 3.11, pip and npm, and the package indexes that they are set up for. A package that cannot be had, or
that holds something else than it did, is named on standard error, and its pair is left out: exit code 0 all the same.
"""
import fnmatch, glob, hashlib, io, os, re, subprocess, sys, tarfile, tempfile, tomllib, zipfile


def run(*argv, cwd):
    r = subprocess.run(argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if r.returncode:
        raise RuntimeError((r.stdout.strip().splitlines() or ["no word"])[-1])


def wheel(side, d):
    argv = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", d]
    if "platform" in side:
        argv += ["--platform", side["platform"], "--python-version", "311", "--implementation", "cp"]
    run(*argv, side["pypi"] + "==" + side["version"], cwd=d)
    archive = zipfile.ZipFile(glob.glob(d + "/*.whl")[0])
    return {name: lambda name=name: archive.read(name) for name in archive.namelist()}


def tarball(side, d):
    run("npm", "pack", "--silent", side["npm"] + "@" + side["version"], cwd=d)
    archive = tarfile.open(glob.glob(d + "/*.tgz")[0])
    return {m.name: lambda m=m: archive.extractfile(m).read() for m in archive.getmembers()}


def image(side):
    with tempfile.TemporaryDirectory() as d:
        members = wheel(side, d) if "pypi" in side else tarball(side, d)
        names = [name for name in members if fnmatch.fnmatchcase(name, side["file"])]
        if len(names) != 1:
            raise RuntimeError(f"{len(names)} members match {side['file']}")
        data = members[names[0]]()
    if "inner" in side:
        data = zipfile.ZipFile(io.BytesIO(data)).read(side["inner"])
    return data


def fetch(side, path):
    if not os.path.exists(path):
        data = image(side)
        with open(path + ".part", "wb") as f:
            f.write(data)
        os.replace(path + ".part", path)
    with open(path, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    if not digest.startswith(side["sha256"]):
        os.remove(path)
        raise RuntimeError(f"the image's SHA-256 is {digest}")


def main(target):
    os.makedirs(target, exist_ok=True)
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "pairs.toml"), "rb") as f:
        pairs = tomllib.load(f)["pair"]
    for pair in pairs:
        for which in ("old", "new"):
            side = pair[which]
            if "pypi" not in side and "npm" not in side:
                continue
            stem = re.sub(r"[^A-Za-z0-9.-]", "_", pair["name"])
            try:
                fetch(side, os.path.join(target, f"{stem}-{which}.bin"))
            except (RuntimeError, OSError, IndexError, KeyError) as error:
                print(f"{pair['name']}: {which}: {error}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1]) if len(sys.argv) == 2 else sys.exit(__doc__)
