"""Classifiers of the PI-Net paper: statistics, layers of Table 2, fusion, the noise grid."""

import numpy as np
import pytest

from tdaflow.errors import InputError

pytest.importorskip("torch", reason='networks need the extra: pip install "tdaflow[torch]"')

from tdaflow.nets.pinet.paper.classification import N_STATISTICS, frame_statistics
from tdaflow.nets.pinet.paper.noise import noise_grid


def test_the_19_statistics_of_a_frame():
    x, y, z = np.array([0.0, 1, 2, 3]), np.array([0.0, -1, -2, -3]), np.array([2.0, 2, 2, 2])
    (found,) = frame_statistics(np.stack([x, y, z])[None])
    assert len(found) == N_STATISTICS
    np.testing.assert_allclose(found[:3], [1.5, -1.5, 2])
    np.testing.assert_allclose(found[3:6], [1.25, 1.25, 0])
    np.testing.assert_allclose(found[6:9], [np.sqrt(3.5), np.sqrt(3.5), 2])
    # A constant axis correlates with nothing.
    np.testing.assert_allclose(found[9:12], [-1, 0, 0])
    np.testing.assert_allclose(found[12:15], [3, 3, 0])
    np.testing.assert_allclose(found[15:], [np.sqrt(18), 3, 3, np.sqrt(18)])


def test_frames_must_have_three_finite_axes():
    for bad in (np.zeros((2, 2, 5)), np.full((1, 3, 5), np.nan)):
        with pytest.raises(InputError, match="frames"):
            frame_statistics(bad)


def count(net):
    return sum(p.numel() for p in net.parameters())


def test_table_2_has_the_layers_of_the_paper(torch):
    from tdaflow.nets.pinet.paper.classifiers import AlexNetVariant, NetworkInNetwork

    def conv(i, o, k):
        return i * o * k * k + o

    alexnet = conv(3, 32, 3) + conv(32, 32, 3) + conv(32, 64, 3) + conv(64, 64, 3) + (64 * 36 + 1) * 1024 + 1025 * 10
    assert count(AlexNetVariant(10)) == alexnet
    first = conv(3, 192, 5) + conv(192, 160, 1) + conv(160, 96, 1)
    second = conv(96, 192, 5) + 2 * conv(192, 192, 1)
    assert count(NetworkInNetwork(10)) == first + second + conv(192, 192, 3) + conv(192, 192, 1) + conv(192, 10, 1)


def test_images_are_joined_where_the_paper_joins_them(torch):
    from tdaflow.nets.pinet.paper import classifiers

    def dense(i, o):
        return (i + 1) * o + 2 * o

    beside = dense(300, 1024) + dense(1024, 512)
    alone, fused = classifiers.AlexNetVariant(10), classifiers.AlexNetVariant(10, 300)
    assert count(fused) - count(alone) == beside + 512 * 10
    alone, fused = classifiers.NetworkInNetwork(10), classifiers.NetworkInNetwork(10, 300)
    assert count(fused) - count(alone) == beside + 512 * 10
    assert count(classifiers.SignalCNN(3, 5, 300)) - count(classifiers.SignalCNN(3, 5)) == 300 * 5


@pytest.mark.parametrize("fused", [False, True])
def test_every_classifier_gives_a_logit_a_class(torch, fused):
    from tdaflow.nets.pinet.paper import classifiers

    n_pixels = 3 * 4 * 4 if fused else 0
    images = (torch.rand(2, 3, 4, 4),) if fused else ()
    given = {
        classifiers.AlexNetVariant(7, n_pixels): torch.rand(2, 3, 32, 32),
        classifiers.NetworkInNetwork(7, n_pixels): torch.rand(2, 3, 32, 32),
        classifiers.SignalCNN(3, 7, n_pixels): torch.rand(2, 3, 100),
        classifiers.MLP(19 + n_pixels, 7): torch.rand(2, 19),
    }
    with torch.inference_mode():
        for net, x in given.items():
            assert net.eval()(x, *images).shape == (2, 7)


def test_a_classifier_learns_from_images_what_the_statistics_do_not_say(torch):
    from tdaflow.nets.pinet.paper.classification import Samples, table_row, weighted_f1
    from tdaflow.nets.pinet.paper.classifiers import MLP
    from tdaflow.nets.pinet.train.schedule import PINetSchedule
    from tdaflow.nets.schedule import Phase

    rng = np.random.default_rng(0)
    labels = np.arange(120) % 2
    noise = rng.standard_normal((120, 19))
    images = rng.standard_normal((120, 1, 3, 3)) + labels[:, None, None, None]
    halves = [slice(0, 80), slice(80, None)]
    alone = [Samples(noise[h], labels[h]) for h in halves]
    fused = [Samples(noise[h], labels[h], images[h]) for h in halves]
    schedule = PINetSchedule((Phase(6, 1e-3),), batch=20)
    base = table_row("SF", lambda: MLP(19, 2), *alone, weighted_f1, schedule, n_seeds=2)
    both = table_row("SF + PI", lambda: MLP(28, 2), *fused, weighted_f1, schedule, n_seeds=2, base=base.values)
    assert np.mean(both.values) > 0.85 > np.mean(base.values)
    assert base.p_value is None
    assert 0 <= both.p_value <= 1
    assert both.text.count("±") == 1
    assert both == table_row("SF + PI", lambda: MLP(28, 2), *fused, weighted_f1, schedule, n_seeds=2, base=base.values)


def test_the_noise_grid_is_that_of_table_4():
    images = np.random.default_rng(0).random((4, 20, 20, 3))
    found = list(noise_grid(images))
    assert [(kind, severity) for kind, severity, _ in found] == [
        *(("blur", k) for k in (2, 3, 4, 5, 6)),
        *(("translation", s) for s in (0.1, 0.15, 0.2, 0.25, 0.3)),
        *(("gaussian", s) for s in (0.02, 0.04, 0.06, 0.08, 0.1)),
    ]
    for _, _, changed in found:
        assert changed.shape == images.shape
        assert 0 <= changed.min() <= changed.max() <= 1
    moved = found[5][2]
    # Two of twenty rows and columns are black now, the rest is there.
    assert ((moved == 0).all(axis=(2, 3)).sum(axis=1) == 2).all()
    blurred = np.mean(images[0, 4:6, 4:6], axis=(0, 1))
    assert any(np.allclose(blurred, found[0][2][0, i, j]) for i in (4, 5) for j in (4, 5))
