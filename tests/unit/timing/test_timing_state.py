import subprocess
from types import SimpleNamespace

import pytest
import torch

from stylenat.timing import state

# In the order of the query: name, driver, clocks of SM and memory, power and its limit, temperature, throttle reasons,
# utilisation, memory used.
ANSWER = "NVIDIA H100 80GB HBM3, 550.54.15, 1980, 2619, 512.31, 700.00, 61, 0x0000000000000004, 100, [N/A]\n"


@pytest.fixture
def nvidia_smi(monkeypatch):
    """Sets what the program answers, and keeps the commands it was given."""
    commands = []

    def answer(stdout, returncode=0, stderr=""):
        def run(command, **options):
            commands.append(command)
            return subprocess.CompletedProcess(command, returncode, stdout, stderr)

        monkeypatch.setattr(state.subprocess, "run", run)
        return commands

    return answer


def test_a_gpu_s_state_is_numbers_with_units(nvidia_smi):
    commands = nvidia_smi(ANSWER)
    assert state.gpu_state("1234-abcd") == {
        "name": "NVIDIA H100 80GB HBM3",
        "driver": "550.54.15",
        "sm_clock_mhz": 1980.0,
        "memory_clock_mhz": 2619.0,
        "power_watts": 512.31,
        "power_limit_watts": 700.0,
        "temperature_celsius": 61.0,
        "throttle_reasons": "0x0000000000000004",
        "utilization_percent": 100.0,
        "memory_used_mib": None,
    }
    assert "--id=GPU-1234-abcd" in commands[0]
    assert "--format=csv,noheader,nounits" in commands[0]


def test_a_state_that_can_not_be_read_says_why(nvidia_smi, monkeypatch):
    nvidia_smi("No devices were found\n", returncode=6)
    assert state.gpu_state("GPU-1") == {"unreadable": "nvidia-smi: No devices were found"}
    nvidia_smi("a, b\n")
    assert "unreadable" in state.gpu_state("GPU-1")

    def absent(*arguments, **options):
        raise FileNotFoundError

    monkeypatch.setattr(state.subprocess, "run", absent)
    assert state.gpu_state("GPU-1") == {"unreadable": "nvidia-smi: FileNotFoundError"}


def test_a_cpu_s_state_has_load_and_mean_frequency(tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text("model name : X\ncpu MHz\t\t: 2000.5\n\ncpu MHz\t\t: 3000.5\n")
    monkeypatch.setattr(state, "CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(state.os, "getloadavg", lambda: (1.25, 9.0, 9.0))
    found = state.cpu_state()
    assert (found["load_1_minute"], found["mean_frequency_mhz"]) == (1.25, 2500.5)
    monkeypatch.setattr(state, "CPU_INFO", tmp_path / "absent")
    assert "mean_frequency_mhz" not in state.cpu_state()


def test_the_gpu_in_use_is_asked_for_by_its_uuid(monkeypatch):
    assert set(state.read_state(torch.device("cpu"))) == {"time", "cpu"}
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid=f"of-{device}"))
    monkeypatch.setattr(state, "gpu_state", lambda uuid: {"asked": uuid})
    assert state.read_state(torch.device("cuda", 1))["gpu"] == {"asked": "of-cuda:1"}
