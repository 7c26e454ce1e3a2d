"""The one error of reading and judging histories: which file, which line, what is wrong, what to do about it."""

__all__ = ["HistoryError"]


class HistoryError(Exception):
    """A history that cannot be read; its text is one sentence."""

    def __init__(self, file: str, line: int | None, what: str, remedy: str) -> None:
        super().__init__(file, line, what, remedy)
        self.file = file
        self.line = line
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}, line {self.line}"
        return f"{place}: {self.what}; {self.remedy}"
