"""Every relative link of the Markdown files leads to a file of this repository, and every #anchor to a heading of it.

Looks at all Markdown files that belong to the repository; links to other sites are not followed. Anchors are made as GitHub makes them: the heading
without its markup in lower case, without punctuation, with hyphens for spaces; a second heading of the same text gets -1. Exits with 1 and the
list of links that lead nowhere.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent.parent
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
CODE = re.compile(r"(`+)(.+?)\1(?!`)")
INLINE = re.compile(r"\]\(\s*(?:<([^>]*)>|([^()\s]*(?:\([^()\s]*\)[^()\s]*)*))(?:\s+[\"'(][^)]*)?\s*\)")
REFERENCE = re.compile(r"^ {0,3}\[(?!\^)[^\]]+\]:\s*(?:<([^>]*)>|(\S+))")
HTML = re.compile(r"<(?:a|img)\s[^>]*?\b(?:href|src)\s*=\s*\"([^\"]*)\"", re.IGNORECASE)
HTML_ANCHOR = re.compile(r"<\w+\s[^>]*?\b(?:id|name)\s*=\s*\"([^\"]+)\"", re.IGNORECASE)
HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.*?)(?:\s+#+)?\s*$")
ELSEWHERE = re.compile(r"^(?:[A-Za-z][A-Za-z0-9+.-]*:|//)")


def markdown_files():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"], cwd=ROOT, check=True, capture_output=True
    )
    return sorted(name for name in set(listed.stdout.decode().split("\0")) if name and (ROOT / name).is_file())


def lines_outside_of_code(text):
    """Line numbers and lines, without fenced blocks."""
    fence = None
    for number, line in enumerate(text.splitlines(), 1):
        mark = FENCE.match(line)
        if fence is None and mark:
            fence = mark[1]
        elif fence is None:
            yield number, line
        elif mark and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
            fence = None


def anchor_of(heading):
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    text = re.sub(r"<[^>]+>", "", text) if "`" not in text else text.replace("`", "")
    text = re.sub(r"(?<!\w)[*_]{1,3}(?=\S)|(?<=\S)[*_]{1,3}(?!\w)", "", text)
    return "".join(c for c in text.lower() if c.isalnum() or c in "-_ ").replace(" ", "-")


def anchors_of(text):
    found, times = set(), {}
    for _, line in lines_outside_of_code(text):
        found.update(HTML_ANCHOR.findall(line))
        heading = HEADING.match(line)
        if heading:
            anchor = anchor_of(heading[1])
            count = times.get(anchor, 0)
            times[anchor] = count + 1
            found.add(anchor if count == 0 else f"{anchor}-{count}")
    return found


def links_of(text):
    for number, line in lines_outside_of_code(text):
        # For code between backticks only the length matters: it may be part of a link's text, but holds no link.
        line = CODE.sub(lambda code: "`" * len(code[0]), line)
        for pattern in (INLINE, REFERENCE, HTML):
            for match in pattern.finditer(line):
                yield number, next((group for group in match.groups() if group is not None), "")


class Checker:
    def __init__(self):
        self.anchors = {}
        self.links = 0

    def problem_of(self, page, target):
        """Why `target`, a link in `page`, is broken; None when it is not."""
        if ELSEWHERE.match(target):
            return None
        self.links += 1
        if not target:
            return "is empty"
        path, _, anchor = target.partition("#")
        path, anchor = unquote(path.partition("?")[0]), unquote(anchor)
        base = ROOT if path.startswith("/") else (ROOT / page).parent
        file = Path(os.path.normpath(base / path.lstrip("/"))) if path else ROOT / page
        if not file.is_relative_to(ROOT):
            return "leads out of the repository"
        if not file.exists():
            return f"leads to {file.relative_to(ROOT)}, which does not exist"
        if not anchor:
            return None
        if file.suffix != ".md":
            return f"has an anchor, and {file.relative_to(ROOT)} is no Markdown file"
        if file not in self.anchors:
            self.anchors[file] = anchors_of(file.read_text(encoding="utf-8"))
        if anchor not in self.anchors[file]:
            return f"leads to no heading of {file.relative_to(ROOT)}"
        return None


def main():
    checker, problems = Checker(), []
    pages = markdown_files()
    for needed in ("README.md", "CHANGELOG.md", "docs/README.md"):
        if needed not in pages:
            problems.append(f"{needed} is not among the files that were looked at")
    for page in pages:
        for number, target in links_of((ROOT / page).read_text(encoding="utf-8")):
            why = checker.problem_of(page, target)
            if why:
                problems.append(f"{page}:{number}: the link '{target}' {why}")
    if checker.links == 0:
        problems.append("no links were found: is this script looking for the right thing?")
    if problems:
        sys.exit("\n".join(problems) + f"\n{len(problems)} link(s) lead nowhere")
    print(f"{checker.links} links of {len(pages)} pages lead somewhere")


if __name__ == "__main__":
    main()
