#!/usr/bin/env python3
"""clang-tidy over every source file of ours, several at a time.

A run over all files takes long (about ten CPU seconds a file), so a file that was found clean is remembered in
build/tidy: under a digest of the tool, its configuration, the compiler flags and the contents of the file and of all
that it includes from this repository. Findings are never remembered.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TIDY = "clang-tidy-19"
CLANG = "clang++-19"
# g++'s own warnings mean nothing to clang. Clang's warning replaces the slower bugprone-reserved-identifier.
EXTRA_FLAGS = ["-Wno-unknown-warning-option", "-Wreserved-identifier"]


class Job:
    """One source file with its line of compile_commands.json."""

    def __init__(self, entry):
        self.file = pathlib.Path(entry["file"])
        self.name = str(self.file.relative_to(ROOT))
        self.directory = entry["directory"]
        self.command = entry["command"]

    def includes(self):
        """The files of this repository, generated ones too, that the compiler reads for this one; sorted."""
        words = shlex.split(self.command)[1:]
        output = words.index("-o")
        flags = words[:output] + words[output + 2 :] + EXTRA_FLAGS
        listed = subprocess.run(
            [CLANG, *flags, "-w", "-M"], cwd=self.directory, capture_output=True, text=True, check=True
        )
        files = listed.stdout.split(":", 1)[1].replace("\\\n", " ").split()
        return sorted({f for f in files if f.startswith(f"{ROOT}/")})

    def digest(self, tool, includes):
        seen = hashlib.sha256(json.dumps([tool, EXTRA_FLAGS, self.command]).encode())
        for file in includes:
            contents = pathlib.Path(file).read_bytes()
            seen.update(f"\n{file} {len(contents)}\n".encode())
            seen.update(contents)
        return seen.hexdigest()


class Memory:
    """What was found clean: one small file per source file."""

    def __init__(self, folder, tool):
        self.folder = folder
        self.tool = tool
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, job):
        return self.folder / (job.name.replace("/", "+") + ".json")

    def is_clean(self, job):
        try:
            kept = json.loads(self.path(job).read_text())
            return kept["digest"] == job.digest(self.tool, kept["includes"])
        except (OSError, ValueError, KeyError):
            return False

    def keep(self, job, includes, digest):
        self.path(job).write_text(json.dumps({"digest": digest, "includes": includes}))


def tidy(job, build, memory):
    """The findings as text, empty if there are none; and whether the file had to be read."""
    if memory.is_clean(job):
        return "", False
    try:
        includes = job.includes()
    except subprocess.CalledProcessError as error:
        return error.stderr, True
    digest = job.digest(memory.tool, includes)
    command = [TIDY, "-quiet", "-p", str(build), f"-config-file={ROOT}/.clang-tidy"]
    command += [f"-extra-arg={flag}" for flag in EXTRA_FLAGS]
    done = subprocess.run([*command, str(job.file)], capture_output=True, text=True, check=False)
    if done.returncode == 0 and not done.stdout.strip():
        memory.keep(job, includes, digest)
        return "", True
    return done.stdout or done.stderr, True


def jobs_of(build, patterns):
    jobs = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        file = pathlib.Path(entry["file"])
        if not file.is_relative_to(ROOT) or file.is_relative_to(ROOT / "build"):
            continue
        job = Job(entry)
        if not patterns or any(pattern in job.name for pattern in patterns):
            jobs[job.name] = job
    return [jobs[name] for name in sorted(jobs)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release", help="a configured build folder")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("files", nargs="*", help="only files whose path contains one of these")
    arguments = parser.parse_args()
    build = arguments.build.resolve()

    version = subprocess.run([TIDY, "--version"], capture_output=True, text=True, check=True).stdout
    memory = Memory(ROOT / "build/tidy", version + (ROOT / ".clang-tidy").read_text())
    jobs = jobs_of(build, arguments.files)
    if not jobs:
        sys.exit("tidy: no such file in compile_commands.json")
    bad, read = [], 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        running = {pool.submit(tidy, job, build, memory): job for job in jobs}
        for future in concurrent.futures.as_completed(running):
            findings, was_read = future.result()
            read += was_read
            if findings:
                bad.append(running[future].name)
                print(findings, flush=True)
    for name in sorted(bad):
        print(f"tidy: findings in {name}")
    print(f"tidy: {len(jobs)} files, {len(jobs) - read} unchanged since they were clean, {len(bad)} with findings")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
