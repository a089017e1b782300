import pytest

from stylenat import cli
from stylenat.core.simulated import Setup, read_simulation
from stylenat.frechet import simulation
from stylenat.stages import simulate


def test_the_stage_writes_what_the_report_reads_and_the_same_bytes_again(tmp_path):
    one, other = tmp_path / "simulate/frechet.json", tmp_path / "again.json"
    simulate.run(one, 4)
    cli.main(["simulate", "--out", str(other), "--draws", "4"])
    assert one.read_bytes() == other.read_bytes()
    found = read_simulation(one)
    assert (found.setup.draws, found.setup.bootstrap_draws, found.setup.curve_draws) == (4, 4, 4)
    assert found.setup.width == Setup().width
    assert found == simulation.simulate(found.setup)


def test_all_draws_of_the_defaults_are_made_unless_fewer_are_asked_for(tmp_path, monkeypatch):
    asked = []

    def keep(setup):
        asked.append(setup)
        return setup

    monkeypatch.setattr(simulate, "simulate", keep)
    simulate.run(tmp_path / "x.json")
    simulate.run(tmp_path / "x.json", 5000)
    assert asked == [Setup(), Setup(draws=5000)]


def test_one_draw_is_refused_in_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit):
        cli.main(["simulate", "--out", str(tmp_path / "x.json"), "--draws", "1"])
    assert "--draws: draws: Input should be greater than or equal to 2 (found 1)" in capsys.readouterr().err
    assert not (tmp_path / "x.json").exists()
