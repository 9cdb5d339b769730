"""The reference networks. One entry of `_TABLE` is one network; nothing else has to be written to add one.

Sources, cited below by these names:

    paper      Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep Convolutional Neural Networks, 2012
    2012 code  the code of that paper as released by the Computer History Museum,
               github.com/computerhistory/AlexNet-Source-Code, folder layers/
    OWT        Krizhevsky: One weird trick for parallelizing convolutional neural networks, arXiv 1404.5997, 2014
    Caffe      github.com/BVLC/caffe, models/*/train_val.prototxt
"""

from __future__ import annotations

import difflib
import math

from alexnet_bench.core.errors import UsageError
from alexnet_bench.network.spec import (
    LRN,
    AvgPool,
    BatchNorm,
    Conv,
    Dropout,
    Flatten,
    FullyConnected,
    Init,
    InputConvention,
    MaxPool,
    Network,
    ReLU,
    Tanh,
)

_PIXELS_2012 = InputConvention(
    channels="RGB",
    pixel_max=255.0,
    mean=(123.0, 117.0, 104.0),
    std=(1.0, 1.0, 1.0),
    source="paper, section 2: pixels of 0 to 255 less the mean over the training set, no division. The original takes "
    "off a mean image; its channel means stand here.",
)
_PIXELS_CAFFE = InputConvention(
    channels="BGR",
    pixel_max=255.0,
    mean=(104.0, 117.0, 123.0),
    std=(1.0, 1.0, 1.0),
    source="Caffe, bvlc_reference_caffenet: mean_file, with the channel means 104, 117, 123 as its stated substitute",
)
_PIXELS_TORCHVISION = InputConvention(
    channels="RGB",
    pixel_max=1.0,
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    source="torchvision, ImageClassification preset: pixels of 0 to 1, ImageNet's channel means and deviations",
)
_PIXELS_LENET = InputConvention(
    channels="grey",
    pixel_max=1.0,
    mean=(0.1 / 1.275,),
    std=(1.0 / 1.275,),
    source="LeCun et al. 1998, section II-B: background -0.1, foreground 1.175",
)

# 2012 code, layers-145.cfg: initW 0.01, but 0.03 in conv3 to conv5 (the paper says 0.01 throughout); initB 1 in conv2,
# conv4, conv5 and the hidden fully connected layers, as in section 5 of the paper.
_INIT = Init(std=0.01)
_INIT_BIAS = Init(std=0.01, bias=1.0)
_WIDE = Init(std=0.03)
_WIDE_BIAS = Init(std=0.03, bias=1.0)


def _init_lenet(fan_in: int) -> Init:
    """LeCun et al. 1998, appendix A: uniform within 2.4 / fan-in."""
    return Init(std=2.4 / fan_in / math.sqrt(3.0), distribution="uniform")


def _lrn_2012(name: str) -> LRN:
    return LRN(name, size=5, alpha=1e-4, beta=0.75, k=2.0, towers=2)


def _lrn_caffe(name: str) -> LRN:
    return LRN(name, size=5, alpha=1e-4, beta=0.75, k=1.0)


_CONVOLUTIONS_2012 = (
    Conv("conv1", 96, kernel=11, stride=4, pad=2, init=_INIT),
    ReLU("relu1"),
    _lrn_2012("norm1"),
    MaxPool("pool1", kernel=3, stride=2),
    Conv("conv2", 256, kernel=5, pad=2, groups=2, init=_INIT_BIAS),
    ReLU("relu2"),
    _lrn_2012("norm2"),
    MaxPool("pool2", kernel=3, stride=2),
    Conv("conv3", 384, kernel=3, pad=1, init=_WIDE),
    ReLU("relu3"),
    Conv("conv4", 384, kernel=3, pad=1, groups=2, init=_WIDE_BIAS),
    ReLU("relu4"),
    Conv("conv5", 256, kernel=3, pad=1, groups=2, init=_WIDE_BIAS),
    ReLU("relu5"),
    MaxPool("pool5", kernel=3, stride=2),
)

_CLASSIFIER_2012 = (
    Flatten("flatten"),
    FullyConnected("fc6", 4096, init=_INIT_BIAS),
    ReLU("relu6"),
    Dropout("drop6", rate=0.5),
    FullyConnected("fc7", 4096, init=_INIT_BIAS),
    ReLU("relu7"),
    Dropout("drop7", rate=0.5),
    FullyConnected("fc8", 1000, init=_INIT),
)

_TABLE = (
    Network(
        name="alexnet-2012",
        title="AlexNet as published: two towers, LRN per tower",
        source="paper, sections 3.1 to 3.5, and layers-145.cfg of the 2012 code. Input 224 with padding 2 gives the "
        "55x55 that the original got from padding 0 and a ceil formula. LRN stays within a tower (channels=48 and 128 "
        "in the code). ReLU comes before LRN as in the paper; the released file applies conv1's after pool1. Its "
        "second, spatial normalisation (cnorm2) is not in the paper and is left out.",
        input_shape=(3, 224, 224),
        input=_PIXELS_2012,
        layers=(*_CONVOLUTIONS_2012, *_CLASSIFIER_2012),
        towers=2,
        single_card=("fc8",),
    ),
    Network(
        name="alexnet-owt",
        title="One-tower AlexNet of 2014, as in torchvision",
        source="OWT, as torchvision.models.alexnet has it: no groups, no LRN, dropout before fc6 and fc7. "
        "torchvision's adaptive pooling to 6x6 does nothing at 224 and is left out. Initial weights: the ImageNet "
        "example of cuda-convnet2, with fc8's bias 0 as for a softmax.",
        input_shape=(3, 224, 224),
        input=_PIXELS_TORCHVISION,
        layers=(
            Conv("conv1", 64, kernel=11, stride=4, pad=2, init=_INIT),
            ReLU("relu1"),
            MaxPool("pool1", kernel=3, stride=2),
            Conv("conv2", 192, kernel=5, pad=2, init=_INIT_BIAS),
            ReLU("relu2"),
            MaxPool("pool2", kernel=3, stride=2),
            Conv("conv3", 384, kernel=3, pad=1, init=_WIDE),
            ReLU("relu3"),
            Conv("conv4", 256, kernel=3, pad=1, init=_WIDE_BIAS),
            ReLU("relu4"),
            Conv("conv5", 256, kernel=3, pad=1, init=_WIDE_BIAS),
            ReLU("relu5"),
            MaxPool("pool5", kernel=3, stride=2),
            Flatten("flatten"),
            Dropout("drop6", rate=0.5),
            FullyConnected("fc6", 4096, init=_INIT_BIAS),
            ReLU("relu6"),
            Dropout("drop7", rate=0.5),
            FullyConnected("fc7", 4096, init=_INIT_BIAS),
            ReLU("relu7"),
            FullyConnected("fc8", 1000, init=_INIT),
        ),
        foreign_names=(
            ("conv1", "features.0"),
            ("conv2", "features.3"),
            ("conv3", "features.6"),
            ("conv4", "features.8"),
            ("conv5", "features.10"),
            ("fc6", "classifier.1"),
            ("fc7", "classifier.4"),
            ("fc8", "classifier.6"),
        ),
    ),
    Network(
        name="alexnet-bvlc",
        title="Caffe's AlexNet: 227 input, LRN over all channels",
        source="Caffe, bvlc_alexnet: LRN with Caffe's default k = 1 and over all channels, biases 0.1, fc6 and fc7 "
        "from a standard deviation of 0.005",
        input_shape=(3, 227, 227),
        input=_PIXELS_CAFFE,
        layers=(
            Conv("conv1", 96, kernel=11, stride=4, init=Init(std=0.01)),
            ReLU("relu1"),
            _lrn_caffe("norm1"),
            MaxPool("pool1", kernel=3, stride=2),
            Conv("conv2", 256, kernel=5, pad=2, groups=2, init=Init(std=0.01, bias=0.1)),
            ReLU("relu2"),
            _lrn_caffe("norm2"),
            MaxPool("pool2", kernel=3, stride=2),
            Conv("conv3", 384, kernel=3, pad=1, init=Init(std=0.01)),
            ReLU("relu3"),
            Conv("conv4", 384, kernel=3, pad=1, groups=2, init=Init(std=0.01, bias=0.1)),
            ReLU("relu4"),
            Conv("conv5", 256, kernel=3, pad=1, groups=2, init=Init(std=0.01, bias=0.1)),
            ReLU("relu5"),
            MaxPool("pool5", kernel=3, stride=2),
            Flatten("flatten"),
            FullyConnected("fc6", 4096, init=Init(std=0.005, bias=0.1)),
            ReLU("relu6"),
            Dropout("drop6", rate=0.5),
            FullyConnected("fc7", 4096, init=Init(std=0.005, bias=0.1)),
            ReLU("relu7"),
            Dropout("drop7", rate=0.5),
            FullyConnected("fc8", 1000, init=Init(std=0.01)),
        ),
    ),
    Network(
        name="caffenet",
        title="CaffeNet: pooling before LRN",
        source="Caffe, bvlc_reference_caffenet: pooling before LRN, k = 1 over all channels, biases 1, fc6 and fc7 "
        "from a standard deviation of 0.005",
        input_shape=(3, 227, 227),
        input=_PIXELS_CAFFE,
        layers=(
            Conv("conv1", 96, kernel=11, stride=4, init=Init(std=0.01)),
            ReLU("relu1"),
            MaxPool("pool1", kernel=3, stride=2),
            _lrn_caffe("norm1"),
            Conv("conv2", 256, kernel=5, pad=2, groups=2, init=Init(std=0.01, bias=1.0)),
            ReLU("relu2"),
            MaxPool("pool2", kernel=3, stride=2),
            _lrn_caffe("norm2"),
            Conv("conv3", 384, kernel=3, pad=1, init=Init(std=0.01)),
            ReLU("relu3"),
            Conv("conv4", 384, kernel=3, pad=1, groups=2, init=Init(std=0.01, bias=1.0)),
            ReLU("relu4"),
            Conv("conv5", 256, kernel=3, pad=1, groups=2, init=Init(std=0.01, bias=1.0)),
            ReLU("relu5"),
            MaxPool("pool5", kernel=3, stride=2),
            Flatten("flatten"),
            FullyConnected("fc6", 4096, init=Init(std=0.005, bias=1.0)),
            ReLU("relu6"),
            Dropout("drop6", rate=0.5),
            FullyConnected("fc7", 4096, init=Init(std=0.005, bias=1.0)),
            ReLU("relu7"),
            Dropout("drop7", rate=0.5),
            FullyConnected("fc8", 1000, init=Init(std=0.01)),
        ),
    ),
    Network(
        name="alexnet-bn",
        title="The 2012 widths with BatchNorm after every convolution",
        source="the 2012 layers without LRN, and BatchNorm between each of the five convolutions and its ReLU (Ioffe "
        "and Szegedy, arXiv 1502.03167, section 3.2). Convolutions keep their biases, which then start from 0.",
        input_shape=(3, 224, 224),
        input=_PIXELS_TORCHVISION,
        layers=(
            Conv("conv1", 96, kernel=11, stride=4, pad=2, init=_INIT),
            BatchNorm("bn1"),
            ReLU("relu1"),
            MaxPool("pool1", kernel=3, stride=2),
            Conv("conv2", 256, kernel=5, pad=2, groups=2, init=_INIT),
            BatchNorm("bn2"),
            ReLU("relu2"),
            MaxPool("pool2", kernel=3, stride=2),
            Conv("conv3", 384, kernel=3, pad=1, init=_WIDE),
            BatchNorm("bn3"),
            ReLU("relu3"),
            Conv("conv4", 384, kernel=3, pad=1, groups=2, init=_WIDE),
            BatchNorm("bn4"),
            ReLU("relu4"),
            Conv("conv5", 256, kernel=3, pad=1, groups=2, init=_WIDE),
            BatchNorm("bn5"),
            ReLU("relu5"),
            MaxPool("pool5", kernel=3, stride=2),
            *_CLASSIFIER_2012,
        ),
        towers=2,
        single_card=("fc8",),
    ),
    Network(
        name="alexnet-2012-extra-conv",
        title="The 2012 ensemble's variant with a sixth convolution",
        source="paper, section 6 ('an extra sixth convolutional layer over the last pooling layer'), and conv6 of "
        "layers-146-2012-2011.cfg in the 2012 code: both towers read, 3x3, padding 1. The fully connected layers keep "
        "the names of alexnet-2012.",
        input_shape=(3, 224, 224),
        input=_PIXELS_2012,
        layers=(
            *_CONVOLUTIONS_2012,
            Conv("conv6", 256, kernel=3, pad=1, init=_WIDE_BIAS),
            ReLU("relu_conv6"),
            *_CLASSIFIER_2012,
        ),
        towers=2,
        single_card=("fc8",),
    ),
    Network(
        name="lenet-5",
        title="LeNet-5: average pooling and tanh, 10 classes",
        source="LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document Recognition, 1998, section "
        "II-B, in its common form of 61,706 parameters: C3 reads all six maps of S2 (the paper's table I connects "
        "some), pooling is a plain average without the trained coefficients, the activation is an unscaled tanh and "
        "the output a dense layer instead of RBF units.",
        input_shape=(1, 32, 32),
        input=_PIXELS_LENET,
        layers=(
            Conv("conv1", 6, kernel=5, init=_init_lenet(fan_in=25)),
            Tanh("tanh1"),
            AvgPool("pool1", kernel=2, stride=2),
            Conv("conv2", 16, kernel=5, init=_init_lenet(fan_in=150)),
            Tanh("tanh2"),
            AvgPool("pool2", kernel=2, stride=2),
            Conv("conv3", 120, kernel=5, init=_init_lenet(fan_in=400)),
            Tanh("tanh3"),
            Flatten("flatten"),
            FullyConnected("fc4", 84, init=_init_lenet(fan_in=120)),
            Tanh("tanh4"),
            FullyConnected("fc5", 10, init=_init_lenet(fan_in=84)),
        ),
    ),
)

_BY_NAME = {network.name: network for network in _TABLE}


def names() -> tuple[str, ...]:
    """The names of the reference networks, in the table's order."""
    return tuple(_BY_NAME)


def get(name: str) -> Network:
    """The network of that name.

    Raises:
        UsageError: there is none; the hint names the nearest, or all of them.
    """
    network = _BY_NAME.get(name)
    if network is not None:
        return network
    near = difflib.get_close_matches(name.lower(), _BY_NAME, n=1)
    hint = f"did you mean {near[0]}?" if near else f"one of: {', '.join(_BY_NAME)}"
    raise UsageError(f"there is no reference network named {name!r}", hint)
