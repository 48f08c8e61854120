"""ACS and 2.5D: 2D kernels on volumes."""

import pytest

from tdaflow.errors import InputError

pytestmark = pytest.mark.usefixtures("torch")


def test_each_third_of_the_kernels_lies_in_one_view(torch):
    from tdaflow.nets.acs import ACSConv

    convolution = ACSConv(1, 3, 3, padding=1, bias=False)
    kernel = torch.arange(9.0).view(3, 3)
    with torch.no_grad():
        convolution.weight[:] = kernel
    point = torch.zeros(1, 1, 5, 5, 5)
    point[0, 0, 2, 2, 2] = 1
    axial, coronal, sagittal = convolution(point)[0].detach()
    # What one point becomes is the kernel, turned by 180°, in the plane of the view; nothing leaves that plane.
    turned = kernel.flip(0, 1)
    assert torch.equal(axial[2, 1:4, 1:4], turned)
    assert torch.equal(coronal[1:4, 2, 1:4], turned)
    assert torch.equal(sagittal[1:4, 1:4, 2], turned)
    assert all(view.sum() == 36 for view in (axial, coronal, sagittal))


@pytest.mark.parametrize(("channels", "groups"), [(6, (2, 2, 2)), (7, (3, 2, 2)), (8, (3, 3, 2)), (2, (1, 1, 0))])
def test_kernels_are_split_as_equally_as_can_be(torch, channels, groups):
    from tdaflow.nets.acs import ACSConv

    convolution = ACSConv(2, channels, 3)
    assert convolution.groups == groups
    assert convolution(torch.zeros(1, 2, 4, 4, 4)).shape == (1, channels, 2, 2, 2)


@pytest.mark.parametrize("size", [5, 6, 7])
@pytest.mark.parametrize(
    ("k", "stride", "padding", "dilation"),
    [(3, 1, 1, 1), (3, 2, 1, 1), (1, 2, 0, 1), (7, 1, 3, 1), (3, 1, 0, 1), (3, 2, 3, 1), (3, 1, 2, 2), (2, 2, 0, 1)],
)
def test_it_is_a_cubic_convolution_whose_kernels_are_zero_off_the_middle_plane(
    torch, k, stride, padding, dilation, size
):
    from tdaflow.nets.acs import ACSConv

    generator = torch.Generator().manual_seed(k + size)
    convolution = ACSConv(2, 7, k, stride, padding, dilation).double()
    x = torch.rand(2, 2, size, size + 1, size + 2, generator=generator, dtype=torch.float64)
    cubic = torch.zeros(7, 2, k, k, k, dtype=torch.float64)
    weight = convolution.weight.detach()
    cubic[:3, :, k // 2] = weight[:3]
    cubic[3:5, :, :, k // 2] = weight[3:5]
    cubic[5:, :, :, :, k // 2] = weight[5:]
    expected = torch.nn.functional.conv3d(x, cubic, convolution.bias, stride, padding, dilation)
    assert torch.allclose(convolution(x), expected, rtol=0, atol=1e-12)


def test_conversion_keeps_parameters_and_leaves_the_2d_network_alone(torch):
    from tdaflow.nets.convert import convert_acs

    nn = torch.nn
    flat = nn.Sequential(
        nn.Conv2d(1, 6, 3, stride=2, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
        nn.AvgPool2d(2), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(6, 2),
    )  # fmt: skip
    flat[1].running_mean[:] = torch.arange(6.0)
    solid = convert_acs(flat)
    assert [type(m).__name__ for m in solid] == [
        "ACSConv", "BatchNorm3d", "ReLU", "MaxPool3d", "AvgPool3d", "AdaptiveAvgPool3d", "Flatten", "Linear",
    ]  # fmt: skip
    assert flat.state_dict().keys() == solid.state_dict().keys()
    assert all(torch.equal(a, b) for a, b in zip(flat.state_dict().values(), solid.state_dict().values(), strict=True))
    assert isinstance(flat[0], nn.Conv2d)
    assert solid(torch.rand(2, 1, 16, 16, 16)).shape == (2, 2)


def test_2_5d_with_stride_one_is_the_2d_network_slice_by_slice(torch):
    from tdaflow.nets.convert import convert_2_5d

    nn = torch.nn
    flat = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 3, 3, padding=1))
    x = torch.rand(1, 2, 5, 6, 7)
    solid = convert_2_5d(flat.eval())
    by_slice = torch.stack([flat(x[:, :, z]) for z in range(5)], dim=2)
    assert torch.allclose(solid(x), by_slice, atol=1e-6)


def test_layers_without_a_counterpart_are_refused(torch):
    from tdaflow.nets.convert import convert_acs

    nn = torch.nn
    for layer, told in [
        (nn.Conv2d(4, 4, 3, groups=2), "groups"),
        (nn.Conv2d(1, 1, 3, padding="same"), "padding"),
        (nn.Conv2d(1, 1, (3, 1)), "kernel_size"),
        (nn.MaxPool2d(2, stride=(1, 2)), "stride"),
        (nn.ConvTranspose2d(1, 1, 3), "no counterpart"),
    ]:
        with pytest.raises(InputError, match=told):
            convert_acs(nn.Sequential(layer))


def test_parameter_counts_of_resnet18(torch):
    from tdaflow.nets.networks import n_parameters, resnet18

    # ResNet-18 for small images with 3 channels and 10 classes has 11,173,962; less two input channels and 8 classes.
    flat = 11_173_962 - 2 * 9 * 64 - 8 * 513
    assert [n_parameters(resnet18(kind, 1, 2)) for kind in ("2d", "2.5d", "acs")] == [flat] * 3
    assert n_parameters(resnet18("3d", 1, 2)) == 33_140_802


@pytest.mark.parametrize("stem", ["plain", "pooled"])
@pytest.mark.parametrize("kind", ["2d", "2.5d", "3d", "acs"])
def test_every_network_gives_one_score_a_class(torch, kind, stem):
    from tdaflow.nets.networks import resnet18

    net = resnet18(kind, 2, 3, stem=stem, width=1 / 16).eval()
    shape = (2, 2, 9, 9) if kind == "2d" else (2, 2, 9, 9, 9)
    assert net(torch.rand(shape)).shape == (2, 3)
