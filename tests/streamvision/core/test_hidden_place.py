"""A circle around home hides what is near it, and its middle is not home."""

import math

import pytest

from streamvision.core.config.privacy import PrivacyConfig
from streamvision.core.errors import ConfigError
from streamvision.core.hidden_place import HiddenPlace


@pytest.mark.parametrize("latitude_deg", [0.0, 50.1, -33.9, 71.0])
@pytest.mark.parametrize("longitude_deg", [10.2, -179.999, 179.9995])
def test_everything_within_the_radius_is_hidden(latitude_deg, longitude_deg):
    home = HiddenPlace(latitude_deg, longitude_deg, 400)
    reach = []
    for angle in range(0, 360, 10):
        for distance_m in range(0, 1600, 20):
            north = distance_m * math.cos(math.radians(angle)) / 111_195
            east = distance_m * math.sin(math.radians(angle)) / 111_195 / math.cos(math.radians(latitude_deg))
            if not home.hides(latitude_deg + north, (longitude_deg + east + 180) % 360 - 180):
                assert distance_m > 398
                reach.append(distance_m)
                break
    assert len(reach) == 36 and max(reach) <= 900
    assert max(reach) - min(reach) > 100


@pytest.mark.parametrize("text", ["", "50,10", "91,0,100", "0,181,100", "50,10,0", "50,10,nan", "a,b,c", "50,10,1e9"])
def test_what_is_no_place_is_refused(text):
    with pytest.raises(ConfigError, match="LAT,LON,RADIUS_M"):
        HiddenPlace.parse(text)
    with pytest.raises(ValueError, match="LAT,LON,RADIUS_M"):
        PrivacyConfig(home=text)


def test_one_or_several():
    assert len(PrivacyConfig(home="50.1,10.2,300").hidden_places) == 1
    assert len(PrivacyConfig(home=("50.1,10.2,300", "1,2,3")).hidden_places) == 2
