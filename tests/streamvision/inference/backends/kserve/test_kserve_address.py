from __future__ import annotations

import base64

import pytest

from streamvision.core.errors import ModelError
from streamvision.core.model_location import ModelAddress
from streamvision.inference.backends.kserve.address import Endpoint, parse_endpoint


@pytest.mark.parametrize(
    ("address", "endpoint"),
    [
        ("kserve://gpu/yolo", Endpoint("gpu", 8000, "yolo", "", False, False)),
        ("kserve+grpc://gpu/yolo/3", Endpoint("gpu", 8001, "yolo", "3", True, False)),
        ("kserves://models.example/yolo", Endpoint("models.example", 443, "yolo", "", False, True)),
        ("KSERVES+GRPC://[::1]:9/my%20yolo/", Endpoint("::1", 9, "my yolo", "", True, True)),
    ],
)
def test_an_address_says_where_and_how(address: str, endpoint: Endpoint) -> None:
    assert parse_endpoint(ModelAddress(address)) == endpoint


def test_a_user_is_basic_and_a_token_is_bearer_and_neither_is_shown() -> None:
    basic = parse_endpoint(ModelAddress("kserve://ann:a%2Fb@gpu/yolo"))
    assert basic.authorization == f"Basic {base64.b64encode(b'ann:a/b').decode()}"
    bearer = parse_endpoint(ModelAddress("kserves://hidden-token@gpu/yolo"))
    assert bearer.authorization == "Bearer hidden-token"
    assert "hidden-token" not in repr(bearer)
    assert parse_endpoint(ModelAddress("kserve://[::1]:9/x")).server == "[::1]:9"


@pytest.mark.parametrize(
    "rest",
    [
        "gpu",
        "gpu/",
        "/yolo",
        "gpu:port/yolo",
        "gpu:99999/yolo",
        "gpu/a/b/c",
        "gpu/yolo?x=1",
        "gpu/../x",
        "gpu/a%0Ab",
        "g\npu/a",
    ],
)
def test_what_is_no_such_address_is_one_sentence(rest: str) -> None:
    with pytest.raises(
        ModelError, match=r"is no address of a model on a server: give kserve://HOST:8000/NAME"
    ) as caught:
        parse_endpoint(ModelAddress(f"kserve://{rest}"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("token", ["hidden%0atoken", "hidden-tok\u20acn", "hidden\0token"])
def test_a_token_that_no_header_takes_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(ModelError, match=r"^kserve://\*\*\*@gpu/yolo: the token holds characters") as caught:
        parse_endpoint(ModelAddress(f"kserve://{token}@gpu/yolo"))
    assert "hidden" not in str(caught.value)
