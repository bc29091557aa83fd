"""<streamvision-view> on another site's pages, in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.live_feed import LiveFeed

pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from playwright.sync_api import Page, expect

from streamvision.web.server import WebServer
from support.accounts import People
from support.axe import Axe
from support.embedding_site import EmbeddingSite
from support.live_packets import PlayedPackets
from support.nginx import proxied
from support.run_server import run_server
from support.view_elements import HOW, MOVED, PLAIN, element, until_state
from support.web_client import eventually

pytestmark = pytest.mark.browser


def test_three_lines_show_a_moving_picture_on_another_site(
    page: Page, server: WebServer, site: EmbeddingSite, known: People
) -> None:
    script = f"{server.url}static/view/streamvision-view.js"
    site.put("/", element(server, token=known.tokens["bob"], controls=""), script=script)
    page.goto(site.origin())
    until_state(page, "live")
    view = page.locator("streamvision-view")
    assert view.evaluate(MOVED), "the picture moves"
    expect(view.get_by_role("img")).to_have_accessible_name("Live picture of gate: 1 car, 1 person")
    box = view.bounding_box()
    assert box is not None and box["width"] / box["height"] == pytest.approx(320 / 180, rel=0.01)


def test_events_methods_and_attributes(page: Page, server: WebServer, site: EmbeddingSite, known: People) -> None:
    site.put("/", element(server, token=known.tokens["bob"], controls=""))
    page.goto(site.origin())
    until_state(page, "live")
    view = page.locator("streamvision-view")
    told = view.evaluate(
        "(view) => new Promise((found) => view.addEventListener('streamvision-result', ({ detail }) => found(detail)))"
    )
    assert told["stream"] == "gate" and 0 <= told["age_s"] < 60
    left, top, right, bottom = told["result"]["objects"][1]["box_xyxy_px"]
    page.evaluate("window.clicks = []; addEventListener('streamvision-click', (e) => clicks.push(e.detail))")
    picture = view.get_by_role("img")
    size = picture.bounding_box()
    assert size is not None
    picture.click(position={"x": 3, "y": 3})
    assert page.evaluate("clicks.at(-1).object") is None
    scale = size["width"] / 320
    clicked = page.evaluate("clicks.at(-1)")
    assert clicked["x_px"] == pytest.approx(3 / scale, abs=1) and clicked["y_px"] == pytest.approx(3 / scale, abs=1)

    kind, width = view.evaluate(
        "async (v) => { const blob = await v.snapshot(); return [blob.type, (await createImageBitmap(blob)).width]; }"
    )
    assert (kind, width) == ("image/jpeg", 320)
    view.get_by_role("button", name="Pause").click()
    until_state(page, "paused")
    assert eventually(lambda: server.fanout.connections == 0), "nothing comes while it is paused"
    view.get_by_role("button", name="Play").click()
    until_state(page, "live")
    view.evaluate("(v) => { v.stream = 'yard'; }")
    page.wait_for_function(
        "document.querySelector('streamvision-view').shadowRoot.querySelector('[role=img]').ariaLabel.includes('yard')"
    )
    until_state(page, "live")
    assert left < right and top < bottom


def test_where_a_click_hits_an_object_it_is_told(
    page: Page, server: WebServer, site: EmbeddingSite, known: People
) -> None:
    site.put(
        "/", element(server, token=known.tokens["bob"], fit="cover", style="display:block;width:300px;height:300px")
    )
    page.goto(site.origin())
    until_state(page, "live")
    hit = page.locator("streamvision-view").evaluate(
        """(view) => new Promise((found) => {
            const picture = view.shadowRoot.querySelector("[role=img]");
            view.addEventListener("streamvision-click", ({ detail }) => detail.object && found(detail));
            view.addEventListener("streamvision-result", ({ detail: { result } }) => {
                const scale = Math.max(picture.clientWidth / result.width_px, picture.clientHeight / result.height_px);
                const place = (at, side, px) => (at - px / 2) * scale + side / 2;
                for (const { box_xyxy_px: [left, top, right, bottom] } of result.objects) {
                    const x = place((left + right) / 2, picture.clientWidth, result.width_px);
                    const y = place((top + bottom) / 2, picture.clientHeight, result.height_px);
                    const { left: over, top: down } = picture.getBoundingClientRect();
                    picture.dispatchEvent(new MouseEvent("click", { clientX: over + x, clientY: down + y }));
                }
            });
        })"""
    )
    left, top, right, bottom = hit["object"]["box_xyxy_px"]
    assert left <= hit["x_px"] <= right and top <= hit["y_px"] <= bottom
    assert hit["object"]["class_name"] in ("car", "person")


def test_elements_of_one_server_and_token_share_one_connection(
    page: Page, server: WebServer, site: EmbeddingSite, known: People
) -> None:
    token = known.tokens["bob"]
    two = element(server, token=token) + element(server, "yard", token=token) + element(server, token=token)
    site.put("/", f'<div style="width:300px">{two}</div>')
    page.goto(site.origin())
    for nth in range(3):
        until_state(page, "live", nth=nth)
    assert server.fanout.connections == 1
    page.evaluate("document.querySelector('streamvision-view').remove()")
    page.wait_for_timeout(300)
    assert page.locator("streamvision-view").first.evaluate(MOVED)
    assert page.locator("streamvision-view").last.evaluate(MOVED), "the other element of the same stream goes on"
    page.evaluate("for (const view of document.querySelectorAll('streamvision-view')) view.remove()")
    assert eventually(lambda: server.fanout.connections == 0), "nobody looks any more"
    page.evaluate("(html) => { document.body.innerHTML = html; }", element(server, token=token))
    until_state(page, "live")


def test_an_element_that_comes_later_need_not_wait_for_the_next_key_frame(page: Page, site: EmbeddingSite) -> None:
    with LiveFeed("gate", fps=10) as feed, PlayedPackets(fps=1) as played:  # 25 s from key frame to key frame
        feed.view.packets = played
        server = WebServer(feed.view, port=0, embed_origins=(site.origin(),))
        server.start()
        try:
            site.put("/", f'<div style="width:300px">{element(server, controls="")}</div>')
            page.goto(site.origin())
            until_state(page, "live")
            page.evaluate(
                "(html) => document.querySelector('div').insertAdjacentHTML('beforeend', html)", element(server)
            )
            assert eventually(
                lambda: page.evaluate("document.querySelectorAll('streamvision-view')[1].state") == "live", within_s=15
            )
            assert page.locator("streamvision-view").first.evaluate(HOW).startswith("Live by WebCodecs")
            assert server.fanout.connections == 1
        finally:
            server.stop()


def test_a_wrong_stream_keeps_no_other_element_from_its_picture(
    page: Page, server: WebServer, site: EmbeddingSite, known: People, feed: LiveFeed
) -> None:
    token = known.tokens["bob"]
    site.put(
        "/", f'<div style="width:300px">{element(server, "later", token=token)}{element(server, token=token)}</div>'
    )
    page.goto(site.origin())
    assert "There is no stream later" in until_state(page, "failed")
    until_state(page, "live", nth=1)
    feed.add("later")
    try:
        until_state(page, "live")
    finally:
        feed.remove("later")


def test_what_is_out_of_sight_costs_nothing(page: Page, server: WebServer, site: EmbeddingSite, known: People) -> None:
    site.put("/", f'<div style="height:3000px"></div>{element(server, token=known.tokens["bob"])}')
    page.goto(site.origin())
    until_state(page, "paused")
    assert server.fanout.connections == 0
    page.locator("streamvision-view").scroll_into_view_if_needed()
    until_state(page, "live")
    page.evaluate("scrollTo(0, 0)")
    until_state(page, "paused")
    assert eventually(lambda: server.fanout.connections == 0)
    page.locator("streamvision-view").scroll_into_view_if_needed()
    until_state(page, "live")
    hide = """(hidden) => {
        Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, True)
    assert until_state(page, "paused") == "Paused, since the page is hidden."
    assert eventually(lambda: server.fanout.connections == 0)
    page.evaluate(hide, False)
    until_state(page, "live")
    page.evaluate("document.body.prepend(document.querySelector('streamvision-view'))")
    page.evaluate("scrollTo(0, 0)")
    until_state(page, "live")
    assert page.locator("streamvision-view").evaluate(MOVED), "it goes on in another place of the page"


@pytest.mark.parametrize("state", ["live", "failed"])
def test_nobody_is_shut_out_of_it(
    page: Page,
    server: WebServer,
    site: EmbeddingSite,
    known: People,
    project_root: Path,
    reference_dir: Path,
    state: str,
) -> None:
    token = known.tokens["bob"] if state == "live" else "svt_wrong"
    site.put("/", f"<main><h1>Cameras</h1>{element(server, token=token, controls='')}</main>")
    page.goto(site.origin())
    page.evaluate("document.documentElement.lang = 'en'")
    until_state(page, state)
    page.locator("streamvision-view").hover()
    assert Axe(project_root, reference_dir).findings(page) == []


def test_a_silent_camera_is_said(
    page: Page, server: WebServer, site: EmbeddingSite, known: People, feed: LiveFeed
) -> None:
    site.put("/", element(server, token=known.tokens["bob"]))
    page.goto(site.origin())
    until_state(page, "live")
    feed["gate"].enter("reconnecting", "the camera does not answer")
    try:
        page.wait_for_function(
            "document.querySelector('streamvision-view').reason.includes('reconnecting: the camera does not answer')"
        )
        assert until_state(page, "waiting").startswith("No new picture for ")
    finally:
        feed["gate"].enter("live")
    until_state(page, "live")


@pytest.fixture(scope="module")
def real(site: EmbeddingSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A real run: its address, and the id of its stream."""
    pytest.importorskip("onnx", reason="the small network is written with onnx")
    from support.tiny_detector import tiny_detector

    folder = tmp_path_factory.mktemp("run")
    model = tiny_detector(folder / "tiny.onnx")
    sources = {"boxes": "synthetic:boxes?fps=20&size=320x180"}
    serve = {"embed_origins": [site.origin(), site.origin(PLAIN)]}
    with run_server(folder, model, sources, score=0.05, serve=serve) as process:
        yield process.url, "boxes"


def test_a_real_run_comes_as_video_and_the_page_draws_what_was_found(
    page: Page, site: EmbeddingSite, real: tuple[str, str]
) -> None:
    url, stream = real
    given = 'style-name="box" labels="off" controls'
    body = f'<streamvision-view src="{url}" stream="{stream}" {given}></streamvision-view>'
    site.put("/", body, script=f"{url}static/view/streamvision-view.js")
    page.goto(site.origin())
    until_state(page, "live")
    view = page.locator("streamvision-view")
    assert view.evaluate(MOVED)
    assert eventually(lambda: view.evaluate(HOW).startswith("Live by WebCodecs: H.264"))
    assert "HTTP" not in view.evaluate(HOW), "over a WebSocket"
    drawn = """(v) => {
        const { width, height } = v.shadowRoot.querySelector(".overlay");
        if (!width) return 0;
        const { data } = v.shadowRoot.querySelector(".overlay").getContext("2d").getImageData(0, 0, width, height);
        return data.filter((level, at) => at % 4 === 3 && level > 200).length;
    }"""
    assert eventually(lambda: view.evaluate(drawn) > 100), "boxes are drawn over the picture"
    view.evaluate("(v) => { v.styleName = 'none'; }")
    assert eventually(lambda: view.evaluate(drawn) == 0), "and not where no style is wanted"


@pytest.mark.parametrize(
    ("allowed", "how"), [("media-src blob:", "Live by Media Source Extensions: H.264"), ("", "JPEG pictures")]
)
def test_a_page_by_plain_http_needs_one_permission_more_for_video(
    page: Page, site: EmbeddingSite, real: tuple[str, str], allowed: str, how: str
) -> None:
    url, stream = real
    origin = url.rstrip("/")
    policy = f"default-src 'none'; script-src {origin}; connect-src {origin} {origin.replace('http', 'ws')}; {allowed}"
    body = f'<streamvision-view src="{url}" stream="{stream}" controls></streamvision-view>'
    site.put("/", body, script=f"{origin}/static/view/streamvision-view.js", Content_Security_Policy=policy)
    page.goto(site.origin(PLAIN))
    assert not page.evaluate("isSecureContext")
    view = page.locator("streamvision-view")
    assert eventually(lambda: view.evaluate(HOW).startswith(how)), view.evaluate(HOW)
    assert view.evaluate(MOVED)


def test_it_works_where_a_proxy_has_put_the_server(
    page: Page, server: WebServer, site: EmbeddingSite, known: People, tmp_path: Path
) -> None:
    upgrade = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection;"
    with proxied(server.port, tmp_path, more=upgrade) as cams:
        site.put(
            "/",
            element(server, src=cams.rstrip("/"), token=known.tokens["bob"]),
            script=f"{cams}static/view/streamvision-view.js",
        )
        sockets: list[str] = []
        page.on("websocket", lambda socket: sockets.append(socket.url))
        page.goto(site.origin())
        until_state(page, "live")
        assert page.locator("streamvision-view").evaluate(MOVED)
        assert sockets and all("/cams/api/live?" in url for url in sockets)
