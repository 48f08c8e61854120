"""Mixed precision: the same network, nearly the same gradients, and none that come from unwritten memory."""

import os
import subprocess
import sys

import pytest

GRADIENTS = """
import hashlib, torch
from tdaflow.nets.networks import resnet18
torch.set_num_threads(1)
x = torch.linspace(-1, 1, 2 * 14**3).sin().reshape(2, 1, 14, 14, 14)
net = resnet18("3d", 1, 2, width=1 / 4, precision="mixed")
for name, p in net.named_parameters():
    p.data = torch.linspace(-1, 1, p.numel()).mul(997.0).cos().reshape(p.shape) * (0.1 if p.ndim > 1 else 1.0)
torch.nn.functional.cross_entropy(net(x), torch.tensor([0, 1])).backward()
grads = [p.grad for p in net.parameters()]
assert all(g.isfinite().all() for g in grads)
print(hashlib.sha256(b"".join(g.numpy().tobytes() for g in grads)).hexdigest())
"""


@pytest.fixture
def nets(torch):
    from tdaflow.nets.networks import resnet18

    def make(precision, kind="3d"):
        torch.manual_seed(0)
        return resnet18(kind, 1, 2, stem="pooled", width=1 / 4, precision=precision)

    return make


@pytest.mark.parametrize("kind", ["2.5d", "3d", "acs"])
def test_parameters_are_those_of_the_float32_network(torch, nets, kind):
    plain, mixed = nets("float32", kind).state_dict(), nets("mixed", kind).state_dict()
    assert plain.keys() == mixed.keys()
    assert all(torch.equal(plain[name], mixed[name]) for name in plain)
    assert {value.dtype for value in mixed.values() if value.is_floating_point()} == {torch.float32}


def test_large_stages_are_in_bfloat16_and_small_ones_are_not(torch, nets):
    net, seen = nets("mixed"), {}
    for name in ("layer1", "layer2", "layer3", "layer4"):
        net.get_submodule(name)[0].conv1.register_forward_hook(
            lambda module, given, made, name=name: seen.__setitem__(name, made.dtype)
        )
    with torch.no_grad():
        logits = net(torch.rand(2, 1, 28, 28, 28))
    assert seen == {
        "layer1": torch.bfloat16, "layer2": torch.bfloat16, "layer3": torch.bfloat16, "layer4": torch.float32,
    }  # fmt: skip
    assert logits.dtype == torch.float32


def test_it_says_nearly_the_same(torch, nets):
    x = torch.rand(4, 1, 16, 16, 16)
    plain, mixed = nets("float32").eval(), nets("mixed").eval()
    with torch.no_grad():
        assert torch.allclose(plain(x), mixed(x), atol=0.05)
        assert not torch.equal(plain(x), mixed(x))


def test_gradients_do_not_depend_on_what_lay_in_memory(torch):
    # glibc fills memory that is handed out with a byte of our choice; 0x7f makes huge floating-point numbers.
    found = [
        subprocess.run(
            [sys.executable, "-c", GRADIENTS], capture_output=True, text=True, check=True,
            env={**os.environ, "MALLOC_PERTURB_": fill, "OMP_NUM_THREADS": "1"},
        ).stdout
        for fill in ("0", "128")
    ]  # fmt: skip
    assert found[0] == found[1]
