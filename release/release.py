#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the files of a release from the commit that is checked out: the same bytes wherever and whenever it runs.

    python3 release/release.py OUTPUT

OUTPUT gets mbconv-VERSION-source.tar.gz, mbconv-VERSION.spdx.json (what is in it, and what it can be linked with) and
SHA256SUMS. Refused are a tree with changes that are not committed and one whose files disagree about the version. A
version that the change log calls "not released" is a draft, which is said.
"""
import gzip
import hashlib
import io
import json
import pathlib
import re
import subprocess
import sys
import tarfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
# What a build can be linked with: name, Debian's name, licence, home, what for. None of it is in the tarball.
LIBRARIES = [
    ("SLEEF", "libsleef-dev", "BSL-1.0", "https://sleef.org", "the library, unless -DMBCONV_SLEEF=OFF"),
    ("cpu_features", "libcpu-features-dev", "Apache-2.0", "https://github.com/google/cpu_features",
     "the library, unless -DMBCONV_CPU_FEATURES=OFF"),
    ("Jansson", "libjansson-dev", "MIT", "https://github.com/akheron/jansson", "the networks"),
    ("libpng", "libpng-dev", "libpng-2.0", "http://www.libpng.org", "the command mbconv"),
    ("libjpeg-turbo", "libjpeg-dev", "IJG AND BSD-3-Clause AND Zlib", "https://libjpeg-turbo.org", "the command mbconv"),
]


def fail(message):
    sys.exit(f"release: {message}")


def output_of(*command):
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout


def text_of(*command):
    return output_of(*command).decode().strip()


def version():
    """The version, on which all files agree."""
    checked = subprocess.run([sys.executable, "-B", "docs/figures.py", "--check"], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    if checked.returncode:
        fail(f"versions or figures disagree:\n{checked.stderr.strip()}")
    build = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    number = re.search(r"^project\(mbconv VERSION ([0-9.]+) ", build, re.MULTILINE)[1]
    newest = (ROOT / "cmake/debian/changelog").read_text(encoding="utf-8").splitlines()[0]
    if not newest.startswith(f"mbconv ({number}) "):
        fail(f"CMakeLists.txt says {number}, cmake/debian/changelog says: {newest}")
    return number


def compressed(data):
    """By gzip, without a name and a time."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
        file.write(data)
    return buffer.getvalue()


def contents(archive):
    """The regular files of a tarball: name within the project, bytes."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            if member.isfile():
                yield member.name.split("/", 1)[1], tar.extractfile(member).read()


def licence_of(data):
    """What a file says of itself in its first lines; what says nothing has the project's licence."""
    said = re.search(rb"SPDX-License-Identifier: ([\w.-]+)", data[:500])
    return said[1].decode() if said else "MIT"


def checksum(kind, data):
    return {"algorithm": kind.upper(), "checksumValue": hashlib.new(kind, data).hexdigest()}


def bill_of_materials(name, number, commit, when, archive):
    """SPDX 2.3, whose words these keys are."""
    files = []
    for index, (path, data) in enumerate(sorted(contents(archive))):
        files.append({
            "SPDXID": f"SPDXRef-File-{index}", "fileName": f"./{path}",
            "checksums": [checksum("sha1", data), checksum("sha256", data)],
            "licenseConcluded": licence_of(data), "copyrightText": "NOASSERTION",
        })
    sums = sorted(file["checksums"][0]["checksumValue"] for file in files)
    project = {
        "SPDXID": "SPDXRef-mbconv", "name": "mbconv", "versionInfo": number, "packageFileName": f"{name}-source.tar.gz",
        "downloadLocation": "NOASSERTION", "filesAnalyzed": True, "checksums": [checksum("sha256", compressed(archive))],
        "packageVerificationCode": {"packageVerificationCodeValue": hashlib.sha1("".join(sums).encode()).hexdigest()},
        "licenseConcluded": "MIT", "licenseDeclared": "MIT", "copyrightText": "NOASSERTION",
        "sourceInfo": f"git commit {commit}",
    }
    packages, relations = [project], [("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-mbconv")]
    relations += [("SPDXRef-mbconv", "CONTAINS", file["SPDXID"]) for file in files]
    for library, debian, licence, home, purpose in LIBRARIES:
        identifier = "SPDXRef-" + library.replace("_", "-")
        packages.append({
            "SPDXID": identifier, "name": library, "downloadLocation": "NOASSERTION", "homepage": home,
            "filesAnalyzed": False, "licenseConcluded": "NOASSERTION", "licenseDeclared": licence,
            "copyrightText": "NOASSERTION", "comment": f"For {purpose}. Not in the tarball. In Debian: {debian}.",
        })
        relations.append((identifier, "OPTIONAL_DEPENDENCY_OF", "SPDXRef-mbconv"))
    return {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": name,
        "documentNamespace": f"urn:mbconv:{number}:{commit}",
        "creationInfo": {"created": when, "creators": ["Tool: mbconv-release"]},
        "packages": packages, "files": files,
        "relationships": [
            {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other} for one, kind, other in relations
        ],
    }


def main():
    if len(sys.argv) != 2:
        fail("usage: release.py OUTPUT")
    output = pathlib.Path(sys.argv[1])
    changed = text_of("git", "status", "--porcelain")
    if changed:
        fail(f"the tree has changes that are not committed:\n{changed}")
    number = version()
    name, commit = f"mbconv-{number}", text_of("git", "rev-parse", "HEAD")
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(text_of("git", "log", "-1", "--format=%ct"))))
    if f"## {number} (not released" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"):
        print(f"release: a draft: CHANGELOG.md says that {number} is not released")
    # Neither an umask nor attributes of the machine count.
    archive = output_of("git", "-c", "tar.umask=0022", "-c", "core.autocrlf=false", "archive", "--format=tar",
                        f"--prefix={name}/", commit)
    made = {
        f"{name}-source.tar.gz": compressed(archive),
        f"{name}.spdx.json": json.dumps(bill_of_materials(name, number, commit, when, archive), indent=1).encode() + b"\n",
    }
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {file}\n" for file, data in sorted(made.items()))
    output.mkdir(parents=True, exist_ok=True)
    for file, data in {**made, "SHA256SUMS": sums.encode()}.items():
        (output / file).write_bytes(data)
    print(sums, end="")


if __name__ == "__main__":
    main()
