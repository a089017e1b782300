import multiprocessing

import pytest
import torch

from stylenat.core.device import one_of


@pytest.mark.parametrize(("name", "index"), [("SpawnProcess-1", 0), ("SpawnProcess-3", 2), ("SpawnProcess-5", 0)])
def test_each_numbered_process_takes_a_gpu_of_its_own(monkeypatch, name, index):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(multiprocessing.current_process(), "name", name)
    assert one_of(torch.device("cuda")) == torch.device("cuda", index)


def test_a_process_without_a_number_takes_the_first(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(multiprocessing.current_process(), "name", "MainProcess")
    assert one_of(torch.device("cuda")).index == 0


def test_a_cpu_is_one_for_all():
    assert one_of(torch.device("cpu")) == torch.device("cpu")
