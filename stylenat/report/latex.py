"""Frames as LaTeX tables with booktabs rules; every cell is escaped."""

import pandas as pd

from stylenat.report.inert import shown

SPECIALS = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "×": r"$\times$",
    "−": r"$-$",
}
ESCAPES = str.maketrans(SPECIALS)


def escape(text: str) -> str:
    """Text that LaTeX prints as it stands, on one line."""
    return " ".join(shown(text).split()).translate(ESCAPES)


def cell(value: object) -> str:
    """One value as LaTeX: whole numbers in full, others in six digits, yes and no for flags, a dash for nothing."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value != value or value == "":  # NaN differs from itself
        return "--"
    if isinstance(value, int | float):
        return f"{int(value):,}" if value == int(value) else f"{value:,.6g}"
    return escape(str(value))


def table(frame: pd.DataFrame, caption: str, label: str) -> str:
    """A `table` environment; needs \\usepackage{booktabs}."""
    plain = frame.astype(object)
    kinds = "".join("r" if pd.api.types.is_numeric_dtype(frame[name].dtype) else "l" for name in frame)
    lines = [
        r"\begin{table}",
        rf"\caption{{{escape(caption)}}}",
        rf"\label{{tab:{label}}}",
        rf"\begin{{tabular}}{{{kinds}}}",
        r"\toprule",
        " & ".join(escape(str(name)) for name in frame) + r" \\",
        r"\midrule",
        *(" & ".join(cell(value) for value in row) + r" \\" for row in plain.itertuples(index=False)),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"
