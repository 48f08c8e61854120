"""Signal PI-Net and Image PI-Net: layers and numbers of parameters of section 4.2."""

import pytest

CONVOLUTIONS = (128, 256, 512, 1024)


def encoder_parameters(kernel: int, channels: int) -> int:
    """Weights and biases of the four convolutions, a factor and an offset for each of their outputs."""
    before = (channels, *CONVOLUTIONS)
    return sum(kernel * i * o + o + 2 * o for i, o in zip(before, CONVOLUTIONS, strict=False))


@pytest.mark.parametrize(("channels", "total"), [(1, 4_633_028), (3, 9_758_796)])
def test_signal_pi_net_has_the_parameters_of_the_paper(torch, channels, total):
    from tdaflow.nets.networks import n_parameters
    from tdaflow.nets.pinet.paper.networks import SignalPINet

    dense = 1024 * 2500 * channels + 2500 * channels
    assert n_parameters(SignalPINet(channels)) == encoder_parameters(3, channels) + dense == total


@pytest.mark.parametrize(("channels", "total"), [(1, 8_765_067), (3, 8_772_377)])
def test_image_pi_net_has_the_parameters_of_the_paper(torch, channels, total):
    from tdaflow.nets.networks import n_parameters
    from tdaflow.nets.pinet.paper.networks import ImagePINet

    latent = 1024 * 2500 + 2500
    deconvolution = 50 * 50 * channels + channels
    expected = encoder_parameters(9, channels) + latent + deconvolution + 2 * channels
    assert n_parameters(ImagePINet(channels)) == expected == total


@pytest.mark.parametrize("t", [100, 250, 1000])
def test_signals_of_any_length_give_images_of_50_by_50(torch, t):
    from tdaflow.nets.pinet.paper.networks import SignalPINet

    with torch.inference_mode():
        found = SignalPINet(2).eval()(torch.randn(1, 2, t))
    assert found.shape == (1, 2, 50, 50)
    assert (found >= 0).all()


def test_pooling_halves_and_rounds_up(torch):
    from tdaflow.nets.pinet.paper.networks import SignalPINet

    sizes = []
    net = SignalPINet(1).eval()
    for block in list(net.encoder)[:4]:
        block.register_forward_hook(lambda _, __, out: sizes.append(out.shape[2]))
    with torch.inference_mode():
        net(torch.randn(1, 1, 25))
    assert sizes == [13, 7, 4, 1]


def test_the_transposed_convolution_keeps_the_middle(torch):
    from tdaflow.nets.pinet.model.decoders import DeconvolutionDecoder

    decoder = DeconvolutionDecoder(1, 1, (50, 50))
    kernel = torch.zeros(1, 1, 50, 50)
    kernel[0, 0, 24, 24] = 1
    decoder.deconvolution.weight.data = kernel
    decoder.deconvolution.bias.data.zero_()
    image = torch.rand(1, 1, 50, 50)
    rows, columns = decoder.middle
    assert torch.allclose(decoder.deconvolution(image)[..., rows, columns], image, atol=1e-6)


def test_fourier_space_changes_nothing_but_rounding(torch):
    from tdaflow.nets.pinet.model.decoders import DeconvolutionDecoder
    from tdaflow.nets.pinet.paper.networks import FourierDecoder

    torch.manual_seed(0)
    plain, fast = DeconvolutionDecoder(4, 3, (9, 12)), FourierDecoder(4, 3, (9, 12))
    fast.load_state_dict(plain.state_dict())
    x = torch.randn(5, 4)
    assert torch.allclose(plain(x), fast(x), atol=1e-5)
    assert torch.allclose(plain.eval()(x), fast.eval()(x), atol=1e-6)


def test_colour_images_give_an_image_for_each_channel(torch):
    from tdaflow.nets.pinet.paper.networks import ImagePINet

    with torch.inference_mode():
        found = ImagePINet(3).eval()(torch.rand(2, 3, 32, 32))
    assert found.shape == (2, 3, 50, 50)
