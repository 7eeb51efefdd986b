"""What the tests share: networks, pictures, and a cache and a server for downloads."""

import numpy as np
import pytest
import web
from small_networks import plain, wrap

import course_utils as cu


@pytest.fixture(scope="session")
def embedded():
    """The embedded EfficientNet-Lite0 with its ImageNet weights."""
    return cu.load_classifier("embedded")


@pytest.fixture(scope="session")
def chelsea():
    """A cat, uint8 (300, 451, 3)."""
    return cu.load_image("chelsea")


@pytest.fixture(scope="session")
def coffee():
    """A cup of espresso, uint8 (400, 600, 3)."""
    return cu.load_image("coffee")


@pytest.fixture
def seeded():
    """The same weights in every network that the test builds; each class has some evidence."""
    import keras

    keras.utils.set_random_seed(4)


@pytest.fixture
def tiny(seeded):
    """A classifier of `small_networks.plain`."""
    return wrap(plain())


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache folder that does not exist yet, and a shell that has set nothing else."""
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    names = "course_offline course_model http_proxy https_proxy all_proxy no_proxy"
    for name in names.split():
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path / "cache"


@pytest.fixture
def site(cache):
    with web.serve() as site:
        yield site


@pytest.fixture
def picture():
    """A picture of noise, uint8 (8, 8, 3), the same every time."""
    return np.random.default_rng(1).integers(0, 256, (8, 8, 3), dtype=np.uint8)
