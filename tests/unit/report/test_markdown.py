import re

import pytest
from support import campaign

from stylenat.core.errors import InputError
from stylenat.report import markdown, readme


def cells(line):
    """The cells of a row of a pipe table, as a reader sees them."""
    parts = re.split(r"(?<!\\)(?:\\\\)*\|", line.strip())[1:-1]
    return [re.sub(r"\\(.)", r"\1", part).replace("&amp;", "&").strip() for part in parts]


def rows(text):
    return [cells(line) for line in text.splitlines() if line.startswith("|")]


def test_the_verdict_table_comes_back_word_for_word(complete):
    table = rows(markdown.verdict_table(campaign.data(complete)))
    assert {len(row) for row in table} == {7}
    by_title = {row[0]: row for row in table[2:]}
    assert len(by_title) == len(campaign.CLAIMS)
    evil = " ".join(campaign.EVIL.split())
    row = by_title[f"Title {evil}"]
    assert row[2] == "48,920,000 parameters (48.92 M) [A]"
    assert row[3] == "48,921,000 parameters (48.92 M) [demo run]"
    assert row[4] == f"parameters version 2 · seed 0 · no images, reals or detector · {evil}"
    assert row[5] == "✓ **reproduced**"
    assert row[6] == f"because {evil}"
    assert by_title["Open"][3] == "2.433 (95 % interval 2.100 to 2.700) [demo]"
    assert by_title["Unjudged"][3:] == ["no number", "nothing was measured", "○ **not run**", "not judged yet"]
    ruled = rows(markdown.verdict_table(campaign.data(complete), rules=True))
    assert {row[0]: row[7] for row in ruled}[f"Title {evil}"] == f"the rule {evil}"


def test_the_whole_page_holds_no_html_and_every_section(complete):
    text = markdown.render(campaign.data(complete), {})
    assert not re.search(r"(?<!\\)<", text)
    for heading in ("Verdicts", "Do the printed percentages follow?", "Published beside measured", "Measurements"):
        assert f"\n## {heading}\n" in text
    assert "**DEMO RUN.**" in text
    assert "7 claims: 2 reproduced, 1 not reproduced, 1 inconclusive, 1 not comparable, 2 not run. " in text
    assert "1 of the 7 claims rests on arithmetic" in text
    assert not [row for row in rows(text) if "" in row]


def test_every_demo_number_is_labelled(complete):
    numbers = [row for row in rows(markdown.render(campaign.data(complete), {})) if re.search(r"^fid-demo", row[0])]
    assert len(numbers) == 10
    assert all(row[4].endswith("[demo]") for row in numbers)


def test_what_no_source_settles_is_told(complete):
    text = markdown.render(campaign.data(complete), {})
    evil = " ".join(campaign.EVIL.split())
    assert [evil, "architecture", f"inferred: its width {evil}"] in rows(text)
    assert ["Short", "recipe", f"the batch {evil}"] in rows(text)


def test_a_stale_verdict_is_not_in_the_readme(complete):
    (complete / campaign.SIZE).unlink()
    table = readme.render_verdict_table(campaign.data(complete))
    assert "1 reproduced, 0 not reproduced" in table
    assert "stale: the record" in table


def test_the_readme_keeps_what_stands_around_the_table(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"before\n\n{readme.BEGIN}\nold\n{readme.END}\n\nafter\n")
    readme.update_readme(path, "| new |\n")
    first = path.read_text()
    assert first == f"before\n\n{readme.BEGIN}\n\n| new |\n\n{readme.END}\n\nafter\n"
    readme.update_readme(path, "| new |\n")
    assert path.read_text() == first


@pytest.mark.parametrize("text", ["", readme.BEGIN, f"{readme.END}{readme.BEGIN}"])
def test_a_readme_without_markers_is_refused(tmp_path, text):
    path = tmp_path / "README.md"
    path.write_text(text)
    with pytest.raises(InputError, match="expected '<!-- verdicts:begin -->'"):
        readme.update_readme(path, "x")
    assert path.read_text() == text
