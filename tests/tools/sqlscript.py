"""Reads workload.sql files: SQL statements with directives in comments.

Statements end with ';' and may hold strings, quoted names and comments that contain one. A
directive is a comment line between two statements:

  -- expect-error [CODE ...]   the next statement must fail (with one of CODEs, if any are given)
  -- maybe-error  [CODE ...]   the next statement may fail; it is reported, not counted as wrong
  -- sleep SECONDS             pause
  -- connect NAME              go on with the connection of that name (the first is `main`)
  -- repeat N                  run the next statement N times; `{i}` in it becomes 0..N-1
"""

from __future__ import annotations

from dataclasses import dataclass

# Comments that a server reads as code, or as hints: they stay in the statement.
_MEANINGFUL_COMMENTS = ("+", "!", "T", "M")


@dataclass(frozen=True)
class Statement:
    sql: str
    line: int
    outcome: str = "ok"  # ok | error | maybe
    codes: tuple[int, ...] = ()
    repeat: int = 1


@dataclass(frozen=True)
class Sleep:
    seconds: float


@dataclass(frozen=True)
class Connect:
    name: str


class ScriptError(ValueError):
    """The text is not a workload script; the message names the line."""


def parse(text: str) -> list[Statement | Sleep | Connect]:
    return _Parser(text).run()


class _Parser:
    def __init__(self, text: str):
        self.text = text
        self.pos = 0
        self.line = 1
        self.items: list[Statement | Sleep | Connect] = []
        self.parts: list[str] = []  # of the statement being read
        self.start: int | None = None  # the line it starts on
        self._reset_directives()

    def _reset_directives(self) -> None:
        self.outcome, self.codes, self.repeat = "ok", (), 1

    def run(self):
        while self.pos < len(self.text):
            self._step()
        if self._statement():
            raise ScriptError(f"line {self.start}: the last statement has no ';'")
        return self.items

    def _step(self) -> None:
        text, pos = self.text, self.pos
        char = text[pos]
        if char in "'\"`":
            self._quoted(char)
        elif text.startswith("--", pos) and text[pos + 2 : pos + 3] in ("", " ", "\t", "\r", "\n"):
            end = self._line_end()
            if not self._statement():
                self._directive(text[pos + 2 : end].split())
            self.pos = end
        elif char == "#":
            self.pos = self._line_end()
        elif text.startswith("/*", pos) and text[pos + 2 : pos + 3] not in _MEANINGFUL_COMMENTS:
            end = text.find("*/", pos + 2)
            self._advance(len(text) if end < 0 else end + 2)
            self.parts.append(" ")
        elif char == ";":
            self._end_statement()
        else:
            if self.start is None and not char.isspace():
                self.start = self.line
            self._take(pos + 1)

    def _statement(self) -> str:
        return "".join(self.parts).strip()

    def _line_end(self) -> int:
        end = self.text.find("\n", self.pos)
        return len(self.text) if end < 0 else end

    def _advance(self, end: int) -> str:
        piece = self.text[self.pos : end]
        self.line += piece.count("\n")
        self.pos = end
        return piece

    def _take(self, end: int) -> None:
        self.parts.append(self._advance(end))

    def _quoted(self, quote: str) -> None:
        if self.start is None:
            self.start = self.line
        end = self.pos + 1
        while end < len(self.text):
            if self.text[end] == "\\" and quote != "`":
                end += 2
            elif self.text[end] != quote:
                end += 1
            elif self.text[end + 1 : end + 2] == quote:
                end += 2
            else:
                self._take(end + 1)
                return
        raise ScriptError(f"line {self.line}: unterminated {quote}")

    def _directive(self, words: list[str]) -> None:
        match words:
            case ["expect-error" | "maybe-error" as name, *codes]:
                self.outcome = "error" if name == "expect-error" else "maybe"
                self.codes = tuple(int(code) for code in codes if code.isdigit())
            case ["sleep", seconds, *_]:
                self.items.append(Sleep(float(seconds)))
            case ["connect", name, *_]:
                self.items.append(Connect(name))
            case ["repeat", count, *_]:
                self.repeat = int(count)

    def _end_statement(self) -> None:
        self.pos += 1
        sql = self._statement()
        if sql:
            self.items.append(
                Statement(sql, self.start or self.line, self.outcome, self.codes, self.repeat)
            )
            self._reset_directives()
        self.parts, self.start = [], None
